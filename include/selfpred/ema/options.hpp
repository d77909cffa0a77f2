// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/ema/policy.hpp>
#include <selfpred/executor.hpp>

namespace selfpred {

/// What an infinity or a NaN in the online model does to the target. It is found by the bits of its exponent, so that
/// -ffast-math cannot delete the test.
enum class non_finite_policy {
  unchecked,    ///< it enters the average, and is not looked for
  propagate,    ///< it enters the average, and is counted in the same pass
  refuse,       ///< one of them and nothing is updated: neither model nor step
  skip_leaves,  ///< tensors that hold one keep their target; the others are updated
};

/// How the float shadow of a narrow leaf comes back into the target's own bfloat16 or half.
enum class cast_back {
  nearest,     ///< at every update, rounded to nearest
  stochastic,  ///< at every update, rounded up or down so that the mean is right; the same for any number of threads
  on_request,  ///< by ema_target::refresh() alone, before model() is used: the update writes half as much
};

/// Options of an ema_target.
struct ema_options {
  leaf_policies leaves = {};                                    ///< by role, name and predicate
  non_finite_policy non_finite = non_finite_policy::unchecked;  ///< what a NaN does
  cast_back narrow = cast_back::nearest;                        ///< of bfloat16 and half leaves
  bool count_stalls = false;                                    ///< what a narrow average would have lost
  executor threads = {};                                        ///< who runs the pass
};

/// What an update did.
struct ema_report {
  bool applied = false;           ///< false: the schedule let this step pass, or the update was refused
  double tau = 1;                 ///< of this update; 1 where it was not due
  std::ptrdiff_t non_finite = 0;  ///< infinities and NaN seen; a tensor without visible memory counts once
  std::ptrdiff_t skipped = 0;     ///< leaves that kept their target because of them
  std::ptrdiff_t stalled =
      0;  ///< elements that differ from the online model's and that an average in the narrow type would not have moved
};

}  // namespace selfpred
