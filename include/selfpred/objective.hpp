// SPDX-License-Identifier: MIT
// One call a step: statistics -> rule -> EMA of P -> rescale -> + alpha I -> loss and gradients.
#pragma once
#include <selfpred/objective_losses.hpp>

namespace selfpred {

/// The self-predictive objective: view z_i predicts the targets t_j of the other views through P,
/// L = sum over i != j of loss(Z_i P, T_j), dL/dZ = dL/dQ P^T (Richemond et al. 2023, sections 2 and 3); of two views that
/// is loss(Z1 P, T2) + loss(Z2 P, T1). P is a constant of the batch in the gradient.
///
/// M is the owning tensor of results, owner_t of the type given to make_objective; any compatible views may be passed,
/// of any number of rows. Ranges of views, the first of which have targets, go in by step(views, targets).
/// Errors: shape_error, alias_error (a target in the storage of an online tensor), domain_error, and non_finite_error
/// where scalars can be read without synchronising; the state is then as before.
/// Cost of a step of two views: the rule's, plus 2 symmetric products b f^2 for S (2 more for X where the rule reads it)
/// and 4 products b f^2. Of few rows, n = 2 b in all (evaluation::gram, automatic where 2 n <= f, host memory,
/// predictor_momentum = 0, no rescaling), there is no S and no P: a symmetric product n^2 f and inverses or a recursion
/// of n x n, then 3 products b n f a view and P alone where somebody asks for it. No allocation after the first step of a
/// shape, no synchronisation. Latents so large that Z P overflows (1e30 in float) are scaled by a power of two, on hosts.
/// Example: examples/objective_step.cpp
template <matrix M, class Rule>
class objective {
  static constexpr bool trainable = std::same_as<Rule, trainable_linear>;
  static_assert(trainable || predictor_rule<Rule, M>,
                "selfpred: this rule does not work on this tensor: it needs a capability that the tensor lacks "
                "(linear_regression: matrix_with_solve; direct_pred: matrix_with_eigh), or it is no predictor_rule");

 public:
  explicit objective(Rule rule, objective_options const& o = {}) : options_(o), pipelines_(rule, o) {
    options_.loss.check();
  }

  /// One training step.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2>
    requires(!trainable) && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  step_result<M> step(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2) {
    return pair(advance(std::tie(z1, z2), std::tie(target1, target2)), step_losses_);
  }
  /// Of two views or more, with at most as many targets: view i predicts every target j != i.
  template <views_of<M> Z, targets_of<M> T>
    requires(!trainable)
  views_result<M> step(Z const& views, T const& targets) {
    return list(advance(views, targets), step_losses_);
  }

  /// A step's predictor from sums that the caller has made: over micro-batches, over ranks. Losses and gradients then come
  /// from evaluate. The sums must be of the moments that moments() asks for.
  template <class W>
  void refresh(statistics<M, W>& sums)
    requires(!trainable)
  {
    host_threads const threads(options_.threads);
    pipelines_.refresh(sums);
  }
  /// How statistics for refresh() are to be taken: statistics<M> sums{objective.moments()}.
  moment_options moments() const
    requires(!trainable)
  {
    return pipelines_.moments();
  }

  /// Loss and gradients with the predictor in use. Changes no state: not P, not the step, not a step's results.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2>
    requires(!trainable) && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  step_result<M> evaluate(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2) {
    return pair(look(std::tie(z1, z2), std::tie(target1, target2)), evaluate_losses_);
  }
  template <views_of<M> Z, targets_of<M> T>
    requires(!trainable)
  views_result<M> evaluate(Z const& views, T const& targets) {
    return list(look(views, targets), evaluate_losses_);
  }

  /// One training step of trainable_linear, with the user's P.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2, compatible<M> P>
    requires trainable && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  trainable_step_result<M> step(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2, P const& p) {
    auto const loss = with_users_p("objective.step", std::tie(z1, z2), std::tie(target1, target2), p, step_losses_);
    pipelines_.commit();
    return {pair(loss, step_losses_), step_losses_.predictor_gradient()};
  }
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2, compatible<M> P>
    requires trainable && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  trainable_step_result<M> evaluate(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2, P const& p) {
    auto const loss =
        with_users_p("objective.evaluate", std::tie(z1, z2), std::tie(target1, target2), p, evaluate_losses_);
    return {pair(loss, evaluate_losses_), evaluate_losses_.predictor_gradient()};
  }
  template <views_of<M> Z, targets_of<M> T, compatible<M> P>
    requires trainable
  trainable_views_result<M> step(Z const& views, T const& targets, P const& p) {
    auto const loss = with_users_p("objective.step", views, targets, p, step_losses_);
    pipelines_.commit();
    return {list(loss, step_losses_), step_losses_.predictor_gradient()};
  }

  // What the overloads above refuse, in a sentence.
  template <class Z1, class Z2, class T1, class T2, class... P>
  void step(Z1 const&, Z2 const&, T1 const&, T2 const&, P const&...) {
    detail::refuse_step<trainable, Z1, Z2, T1, T2, P...>();
  }
  template <class Z1, class Z2, class T1, class T2, class... P>
  void evaluate(Z1 const&, Z2 const&, T1 const&, T2 const&, P const&...) {
    detail::refuse_step<trainable, Z1, Z2, T1, T2, P...>();
  }

  /// The predictor in use, alpha I included, f x f; of online view i where directions have their own. Makes P where a step
  /// on few rows did without: one f x f tensor and a symmetric product n f^2, once a refresh. Throws state_error before the
  /// first step.
  M const& predictor(std::size_t view = 0) const
    requires(!trainable)
  {
    return pipelines_.at(view).applied();
  }
  std::int64_t step() const { return pipelines_.step(); }
  objective_options const& options() const { return options_; }
  /// Elements of all scratch tensors; a step of a shape seen before adds none. The engine's own buffers are its threads'.
  index workspace_size() const { return step_losses_.size() + evaluate_losses_.size() + pipelines_.workspace_size(); }
  Rule const& rule() const { return pipelines_.rule(); }

  /// Norm of P, residual, counts, cautions. Synchronises, and makes S and P. Throws state_error before the first step.
  objective_status status()
    requires(!trainable)
  {
    return pipelines_.status();
  }

  /// All that must be kept to continue: see predictor_state; makes P. With directions of their own, one of each online view.
  predictor_state state(std::size_t view = 0) const
    requires(!trainable)
  {
    return pipelines_.state(view);
  }
  template <compatible<M> L>
  void restore(predictor_state const& s, L const& like, std::size_t view = 0)
    requires(!trainable)
  {
    pipelines_.restore(s, like, view);
  }

 private:
  using losses = detail::view_losses<M>;

  template <class Z, class T>
  scalar_t<M> advance(Z const& z, T const& t) {
    host_threads const threads(options_.threads);
    detail::check_views("objective.step", z, t);
    pipelines_.stage(z, t);
    auto const loss =
        step_losses_("objective.step", options_, z, t, [&](std::size_t i) { return pipelines_.staged(i); });
    pipelines_.commit();
    return loss;
  }
  template <class Z, class T>
  scalar_t<M> look(Z const& z, T const& t) {
    host_threads const threads(options_.threads);
    detail::check_views("objective.evaluate", z, t);
    return evaluate_losses_("objective.evaluate", options_, z, t, [&](std::size_t i) { return pipelines_.in_use(i); });
  }
  template <class Z, class T, class P>
  scalar_t<M> with_users_p(char const* where, Z const& z, T const& t, P const& p, losses& of) {
    host_threads const threads(options_.threads);
    detail::check_views(where, z, t);
    return of.under(where, options_, z, t, p);
  }
  static step_result<M> pair(scalar_t<M> const& loss, losses const& of) {
    return {loss, *of.gradients()[0], *of.gradients()[1]};
  }
  static views_result<M> list(scalar_t<M> const& loss, losses const& of) { return {loss, {of.gradients()}}; }

  objective_options options_;
  typename detail::choose_pipelines<M, Rule>::type pipelines_;
  losses step_losses_, evaluate_losses_;
};

/// make_objective<Eigen::MatrixXf>(newton_schulz{.iterations = 9}, {.alpha = 0.3, .predictor_momentum = 0.99})
/// T names the tensor to work on: results are owner_t<T>, and latents may be anything compatible with it.
template <matrix T, class Rule>
objective<owner_t<T>, Rule> make_objective(Rule rule, objective_options const& options = {}) {
  return objective<owner_t<T>, Rule>(rule, options);
}

}  // namespace selfpred
