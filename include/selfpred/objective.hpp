// SPDX-License-Identifier: MIT
// One call a step: statistics -> rule -> EMA of P -> rescale -> + alpha I -> loss and gradients.
#pragma once
#include <selfpred/objective_options.hpp>

namespace selfpred {

/// The self-predictive objective of two views: z1 predicts target2 and z2 predicts target1 through one P,
/// L = loss(Z1 P, T2) + loss(Z2 P, T1), dL/dZ = dL/dQ P^T (Richemond et al. 2023, sections 2 and 3). P is a constant of
/// the batch in the gradient.
///
/// M is the owning tensor of results, owner_t of the type given to make_objective; any compatible views may be passed,
/// of any number of rows. Errors: shape_error, alias_error (a target in the storage of an online tensor),
/// domain_error, and non_finite_error where scalars can be read without synchronising; the state is then as before.
/// Cost of a step: the rule's, plus 2 symmetric products b f^2 for S (2 more for X where the rule reads it) and 4
/// products b f^2; no allocation after the first step of a shape, no synchronisation.
/// Example: examples/objective_step.cpp
template <matrix M, class Rule>
class objective {
  static constexpr bool trainable = std::same_as<Rule, trainable_linear>;
  static_assert(trainable || predictor_rule<Rule, M>,
                "selfpred: this rule does not work on this tensor: it needs a capability that the tensor lacks "
                "(linear_regression: matrix_with_solve), or it is no predictor_rule");

 public:
  explicit objective(Rule rule, objective_options const& o = {})
      : options_(o), pipeline_(rule, predictor_options{o.alpha, o.predictor_momentum, o.update_every, o.rescale}) {
    options_.loss.check();
  }

  /// One training step.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2>
    requires(!trainable) && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  step_result<M> step(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2) {
    check("objective.step", z1, z2, target1, target2);
    M const* p = nullptr;
    bool const refreshes = pipeline_.refreshes_next();
    if (refreshes) {
      measurable_ = false;
      statistics_.clear();
      if constexpr (Rule::reads_cross_covariance)
        statistics_.add(z1, z2, target1, target2);
      else
        statistics_.add(z1, z2);
      p = &pipeline_.stage(statistics_.compute());
    } else
      p = &pipeline_.applied();
    auto const r = losses("objective.step", z1, z2, target1, target2, *p, step_work_);
    pipeline_.commit();
    measurable_ = measurable_ || refreshes;
    return r;
  }

  /// A step's predictor from sums that the caller has made: over micro-batches, over ranks. Losses and gradients then come
  /// from evaluate.
  template <class W>
  void refresh(statistics<M, W>& sums)
    requires(!trainable)
  {
    if (pipeline_.refreshes_next()) {
      measurable_ = false;
      pipeline_.stage(sums.compute());
    }
    pipeline_.commit();
  }

  /// Loss and gradients with the predictor in use. Changes no state: not P, not the step, not a step's results.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2>
    requires(!trainable) && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  step_result<M> evaluate(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2) {
    check("objective.evaluate", z1, z2, target1, target2);
    return losses("objective.evaluate", z1, z2, target1, target2, pipeline_.applied(), evaluate_work_);
  }

  /// One training step of trainable_linear, with the user's P.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2, compatible<M> P>
    requires trainable && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  trainable_step_result<M> step(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2, P const& p) {
    auto const r = evaluate_trainable("objective.step", z1, z2, target1, target2, p, step_work_);
    ++pipeline_.steps;
    return r;
  }
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2, compatible<M> P>
    requires trainable && compatible<M, stopped_value_t<T1>> && compatible<M, stopped_value_t<T2>>
  trainable_step_result<M> evaluate(Z1 const& z1, Z2 const& z2, T1 const& target1, T2 const& target2, P const& p) {
    return evaluate_trainable("objective.evaluate", z1, z2, target1, target2, p, evaluate_work_);
  }

  // What the overloads above refuse, each with its own sentence.
  template <class Z1, class Z2, class T1, class T2, class... P>
  void step(Z1 const&, Z2 const&, T1 const&, T2 const&, P const&...) {
    refuse<Z1, Z2, T1, T2, P...>();
  }
  template <class Z1, class Z2, class T1, class T2, class... P>
  void evaluate(Z1 const&, Z2 const&, T1 const&, T2 const&, P const&...) {
    refuse<Z1, Z2, T1, T2, P...>();
  }

  /// The predictor in use, alpha I included, f x f. Throws state_error before the first step.
  M const& predictor() const
    requires(!trainable)
  {
    return pipeline_.applied();
  }
  std::int64_t step() const { return pipeline_.step(); }
  objective_options const& options() const { return options_; }

  /// Norm of P, residual, counts. Synchronises. Throws state_error before the first step.
  objective_status status()
    requires(!trainable)
  {
    objective_status s{pipeline_.step(), pipeline_.refreshes(), value(pipeline_.spectral_norm()), options_.alpha, {}};
    if (measurable_) s.residual = value(pipeline_.residual(statistics_.compute()));
    return s;
  }

  /// All that must be kept to continue: see predictor_state.
  predictor_state state() const
    requires(!trainable)
  {
    return pipeline_.state();
  }
  template <compatible<M> L>
  void restore(predictor_state const& s, L const& like)
    requires(!trainable)
  {
    pipeline_.restore(s, like);
    measurable_ = false;
  }

 private:
  enum slot : std::size_t { q, dq, dz1, dz2, dp, with_alpha };
  struct scratch {
    workspace<M> tensors, loss;
  };

  template <class Z1, class Z2, class T1, class T2>
  static void check(char const* where, Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2) {
    shape const s = shape_of(z1);
    auto const expect = [&](char const* what, shape const& got) {
      if (got != s) throw shape_error(detail::complaint(where, what, got.text(), s.text() + " as z1"));
    };
    expect("z2", shape_of(z2));
    expect("target1", shape_of(t1.get()));
    expect("target2", shape_of(t2.get()));
    if (s.rank != 2 || s.rows() == 0 || s.cols() == 0)
      throw shape_error(detail::complaint(where, "z1", s.text(), "at least one row and one column"));
    auto const apart = [&](char const* what, auto const& t, auto const& z) {
      if (overlaps(t, z))
        throw alias_error(std::string(where) + ": " + what +
                          " shares its storage with online latents, expected the output of the target network");
    };
    apart("target1", t1.get(), z1), apart("target1", t1.get(), z2);
    apart("target2", t2.get(), z1), apart("target2", t2.get(), z2);
  }

  double weight() const { return options_.directions == directions::mean ? 0.5 : 1.0; }

  // Q = Z P, L and dL/dQ, dL/dZ = dL/dQ P^T
  template <class Z, class T>
  scalar_t<M> direction(Z const& z, T const& t, M const& p, std::size_t dz, scratch& w, M* p_gradient, double keep) {
    M &predicted = w.tensors.get(q, z, shape_of(z)), &g = w.tensors.get(dq, z, shape_of(z));
    gemm(1.0, z, op::none, p, op::none, 0.0, predicted);
    scalar_t<M> const loss = prediction_loss(predicted, t, g, w.loss, options_.loss);
    gemm(weight(), g, op::none, p, op::transpose, 0.0, w.tensors.get(dz, z, shape_of(z)));
    if (p_gradient) gemm(weight(), z, op::transpose, g, op::none, keep, *p_gradient);
    return scalar_t<M>(weight()) * loss;
  }
  template <class Z1, class Z2, class T1, class T2>
  step_result<M> losses(char const* where, Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2, M const& p,
                        scratch& w, M* p_gradient = nullptr) {
    auto const d1 = stop_gradient(z1);
    auto const d2 = stop_gradient(z2);
    if (shape_of(p) != shape(shape_of(z1).cols(), shape_of(z1).cols()))
      throw shape_error(detail::complaint(where, "z1", shape_of(z1).text(),
                                          std::to_string(shape_of(p).rows()) + " columns as the predictor"));
    scalar_t<M> loss = direction(d1.get(), t2, p, dz1, w, p_gradient, 0.0);
    loss = loss + direction(d2.get(), t1, p, dz2, w, p_gradient, 1.0);
    if constexpr (detail::reads_scalars_freely<M>)
      if (!std::isfinite(loss))
        explain(where, {dot(z1, z1), dot(z2, z2), dot(t1.get(), t1.get()), dot(t2.get(), t2.get())});
    return {loss, w.tensors.get(dz1, z1, shape_of(z1)), w.tensors.get(dz2, z1, shape_of(z1))};
  }
  [[noreturn]] static void explain(char const* where, std::array<double, 4> const& squares) {
    constexpr char const* names[] = {"z1", "z2", "target1", "target2"};
    for (std::size_t i = 0; i < 4; ++i)
      if (!std::isfinite(squares[i]))
        throw non_finite_error(std::string(where) + ": " + names[i] +
                               " has a NaN or an infinity, expected finite values");
    throw non_finite_error(std::string(where) + ": the loss is not finite, expected latents whose predictions are");
  }
  template <class Z1, class Z2, class T1, class T2, class P>
  trainable_step_result<M> evaluate_trainable(char const* where, Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2,
                                              P const& p, scratch& w) {
    check(where, z1, z2, t1, t2);
    auto const constant = stop_gradient(p);
    M& applied = w.tensors.get(with_alpha, p, shape_of(p));
    copy(constant.get(), applied);
    if (options_.alpha != 0) add_diagonal(options_.alpha, applied);
    M& g = w.tensors.get(dp, p, shape_of(p));
    return {losses(where, z1, z2, t1, t2, applied, w, &g), g};
  }

  template <class Z1, class Z2, class T1, class T2, class... P>
  static void refuse() {
    constexpr bool stored = tensor<Z1> && tensor<Z2> && (true && ... && tensor<P>);
    constexpr bool are_stopped = stopped_tensor<T1> && stopped_tensor<T2>;
    static_assert(
        stored || !sizeof(Z1*),
        "selfpred: z1 and z2 must be stored tensors. A lazy expression needs .eval(); a type of your own needs "
        "selfpred::tensor_traits");
    static_assert(are_stopped || !sizeof(Z1*),
                  "selfpred: targets must be stopped: write objective.step(z1, z2, selfpred::stop_gradient(target1), "
                  "selfpred::stop_gradient(target2))");
    static_assert(!stored || !are_stopped || trainable == (sizeof...(P) == 1) || !sizeof(Z1*),
                  "selfpred: trainable_linear takes its P as fifth argument, closed-form predictors take none");
    static_assert(!stored || !are_stopped || trainable != (sizeof...(P) == 1) || !sizeof(Z1*),
                  "selfpred: the tensors of a step must be matrices of one kind: the element types differ from the "
                  "objective's");
  }

  objective_options options_;
  typename detail::choose_pipeline<M, Rule>::type pipeline_;
  statistics<M> statistics_;
  bool measurable_ = false;  // statistics_ and the rule's P are those of the last refresh
  scratch step_work_, evaluate_work_;
};

/// make_objective<Eigen::MatrixXf>(newton_schulz{.iterations = 9}, {.alpha = 0.3, .predictor_momentum = 0.99})
///
/// T names the tensor to work on: results are owner_t<T>, and latents may be anything compatible with it.
template <matrix T, class Rule>
objective<owner_t<T>, Rule> make_objective(Rule rule, objective_options const& options = {}) {
  return objective<owner_t<T>, Rule>(rule, options);
}

}  // namespace selfpred
