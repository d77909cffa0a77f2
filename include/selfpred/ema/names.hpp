// SPDX-License-Identifier: MIT
// The names of a model's leaves, parameters and then buffers, for messages.
#pragma once
#include <selfpred/model.hpp>
#include <vector>

namespace selfpred::detail {

template <class M>
std::vector<std::string> leaf_names(M const& m) {
  std::vector<std::string> names;
  auto const note = [&](std::string const& name, auto const&) { names.push_back(name); };
  for_each_parameter(m, note);
  for_each_buffer(m, note);
  return names;
}
template <class M>
std::string leaf_name(M const& m, std::size_t at) {
  auto const names = detail::leaf_names(m);
  return at < names.size() ? "'" + names[at] + "'" : std::to_string(at);
}
/// "; the online model adds 'a', 'b' and lacks 'c'", or nothing where the names are the same.
template <class M>
std::string leaf_difference(M const& online, M const& target) {
  auto const missing = [](std::vector<std::string> const& from, std::vector<std::string> const& in) {
    std::string text;
    for (auto const& n : from) {
      bool known = false;
      for (auto const& other : in) known = known || other == n;
      if (!known) text += (text.empty() ? "'" : ", '") + n + "'";
    }
    return text;
  };
  auto const x = detail::leaf_names(online), y = detail::leaf_names(target);
  auto const added = missing(x, y), lacking = missing(y, x);
  if (added.empty() && lacking.empty()) return {};
  return "; the online model " + (added.empty() ? "" : "adds " + added) +
         (added.empty() || lacking.empty() ? "" : " and ") + (lacking.empty() ? "" : "lacks " + lacking);
}

}  // namespace selfpred::detail
