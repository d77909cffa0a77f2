// SPDX-License-Identifier: MIT
// What an objective is told, what it gives back, and which state machine a rule runs on.
#pragma once
#include <selfpred/loss.hpp>
#include <selfpred/predictor/pipeline.hpp>
#include <selfpred/predictor/trainable_linear.hpp>

namespace selfpred {

/// How the losses of the two directions are put together. BYOL's code sums them.
enum class directions { sum, mean };

/// The defaults train as BYOL's public code does, with P averaged (rho is our choice; the paper's is not public).
struct objective_options {
  double alpha = 0;                     ///< ridge on P: P + alpha I is applied
  double predictor_momentum = 0.99;     ///< rho of the EMA of P, in [0, 1)
  std::int64_t update_every = 1;        ///< refresh P every k steps
  rescaling rescale = rescaling::none;  ///< of P before alpha I is added
  loss_options loss = {};
  selfpred::directions directions = selfpred::directions::sum;
};

/// What a step gives. The gradients live in the objective until its next step (evaluate: until its next evaluate).
template <matrix M>
struct step_result {
  scalar_t<M> loss;
  M const& gradient1;  ///< dL/dZ1, b x f
  M const& gradient2;  ///< dL/dZ2, b x f
};
template <matrix M>
struct trainable_step_result : step_result<M> {
  M const& predictor_gradient;  ///< dL/dP, f x f
};

/// Read back from the device on request; meaningful after the first step.
struct objective_status {
  std::int64_t step = 0;       ///< steps taken
  std::int64_t refreshes = 0;  ///< of them, those that made a new P
  double predictor_norm = 0;   ///< ||P||_2 of what is applied, before alpha I
  double alpha = 0;
  std::optional<double> residual;  ///< of the rule on the last batch; none after a restore
};

namespace detail {

struct no_pipeline {  // trainable_linear: P is the user's
  no_pipeline(trainable_linear, predictor_options const& o) { o.check(); }
  std::int64_t steps = 0;
  std::int64_t step() const { return steps; }
};
template <class M, class Rule>
struct choose_pipeline {
  using type = predictor_pipeline<M, Rule>;
};
template <class M>
struct choose_pipeline<M, trainable_linear> {
  using type = no_pipeline;
};

}  // namespace detail

}  // namespace selfpred
