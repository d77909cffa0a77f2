// SPDX-License-Identifier: MIT
// What an objective is told, and what it gives back.
#pragma once
#include <selfpred/loss.hpp>
#include <selfpred/predictor/pipeline.hpp>
#include <selfpred/predictor/trainable_linear.hpp>
#include <selfpred/threads.hpp>
#include <span>

namespace selfpred {

/// How the losses of the directions, the ordered pairs of views, are put together. BYOL's code sums its two.
enum class directions { sum, mean };

/// The defaults train as BYOL's public code does, with P averaged (rho is our choice; the paper's is not public).
struct objective_options {
  double alpha = 0;                     ///< ridge on P: P + alpha I is applied
  double predictor_momentum = 0.99;     ///< rho of the EMA of P, in [0, 1)
  std::int64_t update_every = 1;        ///< refresh P every k steps
  rescaling rescale = rescaling::none;  ///< of P before alpha I is added
  loss_options loss = {};
  selfpred::directions directions = selfpred::directions::sum;
  bool centred = false;                            ///< S and X about the mean of the batch; the paper's are not
  std::optional<double> statistics_momentum = {};  ///< of an EMA of S and X, the weight of the old; else the rule's
  bool per_direction = false;                      ///< each online view has its own S, X, P and averages
  executor threads = {};                           ///< who runs the work of a step on host memory: see host_threads
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
/// Of a step on ranges of views. gradients[i] is dL/dZ_i, b x f, and lives as long.
template <matrix M>
struct views_result {
  struct list {
    std::span<M* const> at;
    M const& operator[](std::size_t i) const { return *at[i]; }
    std::size_t size() const { return at.size(); }
  };
  scalar_t<M> loss;
  list gradients;
};
template <matrix M>
struct trainable_views_result : views_result<M> {
  M const& predictor_gradient;
};

/// Read back from the device on request; meaningful after the first step.
struct objective_status {
  std::int64_t step = 0;       ///< steps taken
  std::int64_t refreshes = 0;  ///< of them, those that made a new P
  double predictor_norm =
      0;  ///< ||P||_2 of what is applied, before alpha I; the largest, where directions have their own
  double alpha = 0;
  std::optional<double> error_bound;  ///< of the rule's evaluation, in units of its P; none of a rule that has but one
  std::optional<double> residual;     ///< of the rule on the last batch, the largest; none after a restore
  std::vector<std::string> cautions;  ///< where rule, batch and options do something else than one may think
};

}  // namespace selfpred
