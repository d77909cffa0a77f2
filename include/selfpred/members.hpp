// SPDX-License-Identifier: MIT
// A struct whose members are its parameters, all of them and in order, joins as a model by one line:
//
//   template <> struct selfpred::model_traits<encoder> : selfpred::members_are_parameters {};
//
// It is asked for, never guessed: a struct may also hold buffers and settings, and an average of those is wrong silently.
#pragma once
#include <selfpred/model.hpp>

namespace selfpred {
namespace detail {

inline constexpr std::size_t max_members = 12;

struct any_value {
  template <class T>
  operator T() const;  // only ever named in unevaluated braces
};
template <class M, std::size_t... I>
consteval bool braces_take(std::index_sequence<I...>) {
  return requires { M{(void(I), any_value{})...}; };
}
template <class M, std::size_t N = max_members + 1>
consteval std::size_t member_count() {
  if constexpr (N == 0 || braces_take<M>(std::make_index_sequence<N>{}))
    return N;
  else
    return member_count<M, N - 1>();
}

template <class M>
auto tie_members(M& m) {
  static_assert(std::is_aggregate_v<M>, "selfpred: members_are_parameters is for aggregates; write parameters(model)");
  constexpr std::size_t n = member_count<M>();
  static_assert(
      n > 0 && n <= max_members,
      "selfpred: members_are_parameters takes 1 to 12 members, no arrays and no bases; write parameters(model)");
#define SELFPRED_TIE(count, ...)  \
  if constexpr (n == count) {     \
    auto& [__VA_ARGS__] = m;      \
    return std::tie(__VA_ARGS__); \
  }
  SELFPRED_TIE(1, a)
  SELFPRED_TIE(2, a, b)
  SELFPRED_TIE(3, a, b, c)
  SELFPRED_TIE(4, a, b, c, d)
  SELFPRED_TIE(5, a, b, c, d, e)
  SELFPRED_TIE(6, a, b, c, d, e, f)
  SELFPRED_TIE(7, a, b, c, d, e, f, g)
  SELFPRED_TIE(8, a, b, c, d, e, f, g, h)
  SELFPRED_TIE(9, a, b, c, d, e, f, g, h, i)
  SELFPRED_TIE(10, a, b, c, d, e, f, g, h, i, j)
  SELFPRED_TIE(11, a, b, c, d, e, f, g, h, i, j, k)
  SELFPRED_TIE(12, a, b, c, d, e, f, g, h, i, j, k, l)
#undef SELFPRED_TIE
}

}  // namespace detail

/// Base of a model_traits specialisation: see the top of this header.
struct members_are_parameters {
  static auto parameters(auto& m) { return detail::tie_members(m); }
};

}  // namespace selfpred
