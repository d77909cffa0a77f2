// SPDX-License-Identifier: MIT
// What becomes of each leaf of a model at an update of its EMA target: by role, by name, by predicate.
#pragma once
#include <selfpred/callable.hpp>
#include <selfpred/view.hpp>
#include <utility>
#include <vector>

namespace selfpred {

/// What becomes of a leaf: parameters are averaged, buffers (running means of BatchNorm, counters) by the policy named.
enum class leaf_policy {
  copy,     ///< take the online model's
  average,  ///< xi + (1 - tau) (theta - xi); integral leaves are copied
  keep,     ///< leave the target its own; shapes must agree
  skip      ///< no part of the target: never read, compared, swapped or checked
};
using buffer_policy = leaf_policy;

enum class leaf_role { parameter, buffer };

/// What a predicate sees of a leaf.
struct leaf_info {
  std::string_view name;  ///< the path, such as "layers.0.weight"
  leaf_role role = leaf_role::parameter;
  selfpred::shape shape;
  bool integral = false;
};

/// Policies of leaves. The last rule that matches wins; parameters without one are averaged.
///
/// Names may hold `*`, which stands for any characters. A name that matches no leaf is an error when the target is made.
/// Example: leaf_policies(leaf_policy::copy).name("*.running_var", leaf_policy::average)
class leaf_policies {
 public:
  /// No policy for buffers: a model that has any must give each a rule.
  leaf_policies() = default;
  leaf_policies(leaf_policy buffers) : buffers_(buffers), has_buffers_(true) {}

  leaf_policies&& name(std::string pattern, leaf_policy p) && { return std::move(name(std::move(pattern), p)); }
  leaf_policies& name(std::string pattern, leaf_policy p) & {
    rules_.push_back({std::move(pattern), {}, p});
    return *this;
  }
  leaf_policies&& where(callable<bool(leaf_info const&)> holds, leaf_policy p) && {
    return std::move(where(std::move(holds), p));
  }
  leaf_policies& where(callable<bool(leaf_info const&)> holds, leaf_policy p) & {
    rules_.push_back({{}, std::move(holds), p});
    return *this;
  }

  /// The policy of a leaf. Errors: state_error for a buffer that no rule covers.
  leaf_policy of(leaf_info const& leaf) const {
    for (auto r = rules_.rbegin(); r != rules_.rend(); ++r)
      if (r->holds ? r->holds(leaf) : matches(r->pattern, leaf.name)) return r->policy;
    if (leaf.role == leaf_role::parameter) return leaf_policy::average;
    if (!has_buffers_)
      throw state_error("ema_target: the buffer '" + std::string(leaf.name) +
                        "' has no policy, expected copy, average, keep or skip: ema_options{.leaves = "
                        "selfpred::leaf_policy::copy}, or a rule for its name");
    return buffers_;
  }
  /// Throws domain_error where a rule's name matches none of these.
  void expect_known(std::vector<std::string> const& names) const {
    for (auto const& r : rules_) {
      bool known = static_cast<bool>(r.holds);
      for (auto const& n : names) known = known || matches(r.pattern, n);
      if (!known)
        throw domain_error(detail::complaint("ema_target", "the name of a policy", "'" + r.pattern + "'",
                                             "the name of a tensor of the model"));
    }
  }

 private:
  struct rule {
    std::string pattern;
    callable<bool(leaf_info const&)> holds;
    leaf_policy policy;
  };
  static bool matches(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
    while (n < name.size()) {
      if (p < pattern.size() && pattern[p] == '*')
        star = p++, resume = n;
      else if (p < pattern.size() && pattern[p] == name[n])
        ++p, ++n;
      else if (star != std::string_view::npos)
        p = star + 1, n = ++resume;
      else
        return false;
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
  }

  leaf_policy buffers_ = leaf_policy::keep;
  bool has_buffers_ = false;
  std::vector<rule> rules_;
};

}  // namespace selfpred
