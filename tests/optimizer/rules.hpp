// SPDX-License-Identifier: MIT
// rules.hpp: one element under a rule for several steps, in double, to be compared with the formula written out.
#pragma once
#include <array>
#include <selfpred/optimizer/rule.hpp>
#include <vector>

namespace selfpred_tests {

/// w after each of the gradients.
template <class Rule>
std::vector<double> trajectory(Rule const& rule, double w, std::vector<double> const& gradients,
                               selfpred::leaf_norms const& norms = {}) {
  rule.check();
  std::array<double, Rule::moments> m{};
  std::vector<double> all;
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    auto const f = selfpred::detail::element_of_rule<Rule, double>(rule, static_cast<std::int64_t>(k), norms);
    std::apply([&](auto&... moment) { f(w, gradients[k], moment...); }, m);
    all.push_back(w);
  }
  return all;
}

}  // namespace selfpred_tests
