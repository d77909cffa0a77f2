// SPDX-License-Identifier: MIT
// Did it collapse? A small state machine over the other measures. Which of them to feed it is up to the user.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <selfpred/error.hpp>

namespace selfpred::diagnostics {

/// What was measured at one step; what was not is left empty.
struct collapse_measures {
  std::optional<double> feature_std = {};     ///< feature_std::relative() of online latents: 1 healthy, 0 collapsed
  std::optional<double> target_std = {};      ///< feature_std{false}::value() of targets
  std::optional<double> prediction_std = {};  ///< feature_std{false}::value() of predictions
  std::optional<double> effective_rank = {};  ///< rank_me, or lidar: 1 is a line
  std::optional<double> uniformity = {};      ///< hypersphere::uniformity(): 0 collapsed, -4 spread
};

/// When a measure is bad, and for how long it must be. "Ours" has no source but the tests and examples of this library.
struct collapse_thresholds {
  double feature_std =
      0.1;                  ///< bad below a tenth of the healthy 1/sqrt(f) (lightly's healthy value; the tenth is ours)
  double target_std = 0.1;  ///< bad below (data2vec, min_target_var)
  double prediction_std = 0.01;  ///< bad below (data2vec, min_pred_var)
  double effective_rank = 1.5;   ///< bad below: one direction has nearly everything (ours; RankMe names no threshold)
  double uniformity = -0.1;      ///< bad above: rows are within about 0.22 of each other (ours)
  std::int64_t warm_up = 5000;   ///< steps before which nothing but a NaN counts (data2vec)
  int consecutive = 3;           ///< bad observations of one measure in a row until the alarm (ours; data2vec: 1)

  void check() const {
    for (double const t : {feature_std, target_std, prediction_std, effective_rank, uniformity})
      if (!std::isfinite(t))
        throw domain_error(
            selfpred::detail::complaint("collapse_alarm", "a threshold", std::to_string(t), "a finite value"));
    if (warm_up < 0 || consecutive < 1)
      throw domain_error(selfpred::detail::complaint("collapse_alarm", "warm_up, consecutive",
                                                     std::to_string(warm_up) + ", " + std::to_string(consecutive),
                                                     "at least 0, at least 1"));
  }
};

enum class collapse_state { warming_up, healthy, suspicious, collapsed };

struct collapse_verdict {
  collapse_state state = collapse_state::warming_up;
  std::string sentence;  ///< of the worst measure: its name, value, threshold and for how long; empty where healthy

  explicit operator bool() const { return state == collapse_state::collapsed; }  ///< the alarm rings
};

/// observe(step, measures) -> verdict: collapsed once one measure has been beyond its threshold in `consecutive`
/// observations in a row after the warm-up, or at once, warm-up or not, for a NaN or an infinity.
///
/// It rings as long as that holds: a good observation of the measure ends it. A measure that is left out keeps its count.
/// Errors: domain_error for thresholds out of range, no measure at all, or a step before the last one; the state is then
/// as before. Cost: none, no tensor is touched.
/// Example: if (auto const v = alarm.observe(step, {.feature_std = spread.relative()})) throw std::runtime_error(v.sentence);
class collapse_alarm {
 public:
  explicit collapse_alarm(collapse_thresholds const& thresholds = {}) : limits_(thresholds) { limits_.check(); }

  collapse_verdict observe(std::int64_t step, collapse_measures const& m) {
    if (step < last_)
      throw domain_error(selfpred::detail::complaint("collapse_alarm.observe", "the step", std::to_string(step),
                                                     "at least " + std::to_string(last_) + ", the last one"));
    std::array<reading, 5> const all{{{"feature_std", m.feature_std, limits_.feature_std, true},
                                      {"target_std", m.target_std, limits_.target_std, true},
                                      {"prediction_std", m.prediction_std, limits_.prediction_std, true},
                                      {"effective_rank", m.effective_rank, limits_.effective_rank, true},
                                      {"uniformity", m.uniformity, limits_.uniformity, false}}};
    bool any = false;
    for (auto const& r : all) any = any || r.value.has_value();
    if (!any) throw domain_error("collapse_alarm.observe: there is no measure, expected at least one");

    last_ = step;
    bool const counts = step >= limits_.warm_up;
    collapse_verdict verdict{counts ? collapse_state::healthy : collapse_state::warming_up, {}};
    int worst = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      reading const& r = all[i];
      int& bad = bad_[i];
      if (r.value) {
        if (!std::isfinite(*r.value))
          bad = std::numeric_limits<int>::max();
        else if (!counts || (r.low_is_bad ? *r.value >= r.limit : *r.value <= r.limit))
          bad = 0;
        else
          bad = bad == std::numeric_limits<int>::max() ? 1 : bad + 1;  // 1 where it is finite again
        if (bad > 0) sentences_[i] = told(r, bad, step);
      }
      if (bad > worst) worst = bad, verdict.sentence = sentences_[i];
    }
    if (worst > 0)
      verdict.state = worst >= limits_.consecutive ? collapse_state::collapsed : collapse_state::suspicious;
    return verdict;
  }
  collapse_thresholds const& thresholds() const { return limits_; }

 private:
  struct reading {
    char const* name;
    std::optional<double> value;
    double limit;
    bool low_is_bad;
  };
  static std::string told(reading const& r, int bad, std::int64_t step) {
    std::string const value = std::string(r.name) + " is " + std::to_string(*r.value);
    std::string const at = " at step " + std::to_string(step);
    if (!std::isfinite(*r.value)) return "collapse: " + value + at + ", expected a finite value";
    return "collapse: " + value + at + ", expected " + (r.low_is_bad ? "at least " : "at most ") +
           std::to_string(r.limit) + " (" + std::to_string(bad) + " observations in a row)";
  }

  collapse_thresholds limits_;
  std::int64_t last_ = std::numeric_limits<std::int64_t>::min();
  std::array<int, 5> bad_{};
  std::array<std::string, 5> sentences_;
};

}  // namespace selfpred::diagnostics
