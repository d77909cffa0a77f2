// SPDX-License-Identifier: MIT
// Options as a line of JSON for the metadata of a checkpoint: people read it, and a resume compares it.
#pragma once
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace selfpred {
namespace detail {

// The last word of a type's name: the same in gcc and clang, whatever namespace or function it lives in.
template <class T>
std::string type_name() {
  std::string_view s = __PRETTY_FUNCTION__;
  s = s.substr(s.find("T = ") + 4);
  if (s.starts_with("(lambda")) return "lambda";  // clang
  s = s.substr(0, s.find_first_of(";]<"));
  s = s.substr(s.rfind(':') + 1);
  return s.empty() ? "lambda" : std::string(s);  // gcc: f()::<lambda(int)>
}

// The text from which the very same double is read.
inline std::string number_text(double x) {
  if (std::isfinite(x)) return nlohmann::json(x).dump();
  return std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

/// Where two descriptions part: the first members that differ, as "`"iterations":7`, expected `"iterations":9`".
inline std::string first_difference(std::string_view got, std::string_view expected) {
  std::size_t at = static_cast<std::size_t>(std::ranges::mismatch(got, expected).in1 - got.begin());
  at = got.substr(0, at).find_last_of("{,") + 1;  // 0 where there is none
  auto const member = [at](std::string_view s) {
    s.remove_prefix(std::min(at, s.size()));
    return "`" + std::string(s.substr(0, s.find_first_of(",}"))) + "`";
  };
  return member(got) + ", expected " + member(expected);
}

}  // namespace detail

/// What options say of themselves: numbers, enumerations (as numbers), optionals (null where empty), what nlohmann's to_json
/// knows, and aggregates by those of their members whose names are listed below, with the type's name first. A type of
/// yours with other members writes to_json(nlohmann::json&, yours const&), or is described by its name alone.
template <class T>
nlohmann::ordered_json describe(T const& x) {
  using nlohmann::ordered_json;
  if constexpr (std::is_enum_v<T>)
    return static_cast<std::underlying_type_t<T>>(x);
  else if constexpr (std::is_floating_point_v<T>)
    return std::isfinite(x) ? ordered_json(x) : ordered_json(detail::number_text(static_cast<double>(x)));
  else if constexpr (requires {
                       typename T::value_type;
                       x.has_value();
                     })
    return x ? describe(*x) : ordered_json(nullptr);
  else if constexpr (std::is_arithmetic_v<T> || std::is_constructible_v<ordered_json, T const&>)
    return ordered_json(x);
  else if constexpr (std::is_constructible_v<nlohmann::json, T const&>)
    return ordered_json::parse(nlohmann::json(x).dump());
  else {
    ordered_json j = {{"type", detail::type_name<T>()}};
#define SELFPRED_DESCRIBE(member) \
  if constexpr (requires { x.member; }) j[#member] = selfpred::describe(x.member);
    // objectives
    SELFPRED_DESCRIBE(alpha)
    SELFPRED_DESCRIBE(predictor_momentum)
    SELFPRED_DESCRIBE(update_every)
    SELFPRED_DESCRIBE(rescale)
    SELFPRED_DESCRIBE(loss)
    SELFPRED_DESCRIBE(kind)
    SELFPRED_DESCRIBE(rows)
    SELFPRED_DESCRIBE(directions)
    SELFPRED_DESCRIBE(centred)
    SELFPRED_DESCRIBE(statistics_momentum)
    SELFPRED_DESCRIBE(per_direction)
    // rules; a new member is one line here and a pair in tests/checkpoint/describe.test.cpp
    SELFPRED_DESCRIBE(iterations)
    SELFPRED_DESCRIBE(stages)
    SELFPRED_DESCRIBE(c)
    SELFPRED_DESCRIBE(scale)
    SELFPRED_DESCRIBE(normalise_rows)
    SELFPRED_DESCRIBE(damping)
    SELFPRED_DESCRIBE(exponent)
    SELFPRED_DESCRIBE(relative)
    SELFPRED_DESCRIBE(floor)
    SELFPRED_DESCRIBE(evaluate)
    SELFPRED_DESCRIBE(by)
    SELFPRED_DESCRIBE(tolerance)
    SELFPRED_DESCRIBE(rule)
    // schedules
    SELFPRED_DESCRIBE(tau)
    SELFPRED_DESCRIBE(base)
    SELFPRED_DESCRIBE(start)
    SELFPRED_DESCRIBE(end)
    SELFPRED_DESCRIBE(steps)
    SELFPRED_DESCRIBE(gamma)
    SELFPRED_DESCRIBE(power)
    SELFPRED_DESCRIBE(half_life)
    SELFPRED_DESCRIBE(before)
    SELFPRED_DESCRIBE(least)
    SELFPRED_DESCRIBE(most)
    SELFPRED_DESCRIBE(offset)
    SELFPRED_DESCRIBE(ramp)
    SELFPRED_DESCRIBE(batch)
    SELFPRED_DESCRIBE(reference)
    SELFPRED_DESCRIBE(every)
    SELFPRED_DESCRIBE(period)
    SELFPRED_DESCRIBE(steps_per_epoch)
    SELFPRED_DESCRIBE(of)
    SELFPRED_DESCRIBE(first)
    SELFPRED_DESCRIBE(second)
    // optimisers
    SELFPRED_DESCRIBE(rate)
    SELFPRED_DESCRIBE(momentum)
    SELFPRED_DESCRIBE(nesterov)
    SELFPRED_DESCRIBE(weight_decay)
    SELFPRED_DESCRIBE(beta1)
    SELFPRED_DESCRIBE(beta2)
    SELFPRED_DESCRIBE(trust)
    SELFPRED_DESCRIBE(eta)
    SELFPRED_DESCRIBE(eps)
    SELFPRED_DESCRIBE(epsilon)
#undef SELFPRED_DESCRIBE
    return j;
  }
}

}  // namespace selfpred
