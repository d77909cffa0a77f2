// SPDX-License-Identifier: MIT
// The self-predictive loss and its gradient by hand.
#pragma once
#include <optional>
#include <selfpred/stop_gradient.hpp>
#include <selfpred/workspace.hpp>

namespace selfpred {

/// normalized: sum_i |q_i/|q_i| - t_i/|t_i||^2 = 2 - 2 cos, the one that is trained. squared: ||Q - T||_F^2, the one that
/// is analysed.
enum class loss_kind { normalized, squared };
/// Over the rows of a batch.
enum class reduction { mean, sum };

/// The defaults are BYOL's public code: mean over rows, x / sqrt(max(|x|^2, 1e-12)).
struct loss_options {
  loss_kind kind = loss_kind::normalized;
  reduction rows = reduction::mean;
  double epsilon = 1e-12;  ///< floor of |x|^2 in the normalisation; at least 0

  void check() const {
    if (!(epsilon >= 0) || !std::isfinite(epsilon))
      throw domain_error(detail::complaint("loss", "epsilon", std::to_string(epsilon), "finite and at least 0"));
  }
};

namespace detail {

/// Operations that have the loss and its gradient as one: host memory. Others compose it from the verbs.
template <class Q, class T, class M>
concept fused_loss = requires(Q const& q, T const& t, M& g) {
  {
    operations_t<Q const>::normalized_loss(1.0, 1.0, detail::operand(q), detail::operand(t), detail::operand(g))
  } -> std::same_as<scalar_t<Q>>;
};
/// And that of a linear prediction, which may be nothing.
template <class Z, class P, class T, class M>
concept fused_prediction = requires(Z const& z, P const& p, T const& t, M& g) {
  {
    operations_t<Z const>::linear_prediction_loss(1.0, 1.0, 1.0, detail::operand(z), detail::operand(p),
                                                  detail::operand(t), detail::operand(g))
  } -> std::same_as<std::optional<scalar_t<Z>>>;
};

inline void expect_shape(char const* where, char const* what, shape const& got, shape const& expected) {
  if (got != expected) throw shape_error(detail::complaint(where, what, got.text(), expected.text()));
}
inline double row_weight(loss_options const& o, shape const& s) {
  return o.rows == reduction::mean ? 1 / static_cast<double>(s.rows()) : 1.0;
}

/// The loss of z p against t; gradient <- factor times that in z. Nothing, and nothing written, where one operation cannot
/// have it or gains nothing. Shapes are right.
template <class Z, class P, class T, class M>
std::optional<scalar_t<Z>> loss_at_once(Z const& z, P const& p, T const& t, double factor, M& gradient,
                                        loss_options const& o) {
  if constexpr (fused_prediction<Z, P, T, M>)
    if (o.kind == loss_kind::normalized) {
      decltype(auto) g = detail::operand(gradient);
      return operations_t<Z const>::linear_prediction_loss(o.epsilon, detail::row_weight(o, shape_of(z)), factor,
                                                           detail::operand(z), detail::operand(p), detail::operand(t),
                                                           g);
    }
  return std::nullopt;
}

}  // namespace detail

/// prediction_loss(q, stop_gradient(t), gradient, workspace, options): the loss of predictions q against targets t, both
/// b x f, and gradient <- dL/dQ.
///
/// With r = |q|, u = q/r, v = t/|t|: L = w sum_i |u_i - v_i|^2 and dL/dq = 2 w ((u - v) - (u.(u - v)) u) / r, w = 1/b for
/// the mean (Richemond et al. 2023, section 2; Grill et al. 2020, equation 2). Below the floor of epsilon, u = q /
/// sqrt(epsilon) and dL/dq = 2 w (u - v) / sqrt(epsilon): value and gradient agree on both sides.
/// The target is stopped<T>; a live tensor there does not compile. Errors: shape_error; alias_error for q and t in the
/// same storage. The gradient must not share storage with q or t. Cost: on hosts two passes over q and t, the second of
/// which writes the gradient; else six passes over b x f and one reduction; no allocation after the first call of a
/// shape, no synchronisation.
/// Example: examples/objective_step.cpp
struct prediction_loss_fn {
  template <matrix Q, stopped_tensor T, matrix M>
    requires compatible<Q, stopped_value_t<T>> && compatible<Q, M>
  scalar_t<Q> operator()(Q const& q, T const& target, M& gradient, workspace<M>& work,
                         loss_options const& options = {}) const {
    options.check();
    auto const& t = target.get();
    shape const s = shape_of(q);
    detail::expect_shape("prediction_loss", "target", shape_of(t), s);
    detail::expect_shape("prediction_loss", "gradient", shape_of(gradient), s);
    if (s.rows() == 0) throw shape_error(detail::complaint("prediction_loss", "q", s.text(), "at least one row"));
    if (overlaps(q, t))
      throw alias_error("prediction_loss: target shares its storage with q, expected the output of the target network");
    double const w = detail::row_weight(options, s);
    if (options.kind == loss_kind::squared) {
      copy(q, gradient);
      axpby(-1.0, t, 1.0, gradient);
      scalar_t<Q> const loss = scalar_t<Q>(w) * dot(gradient, gradient);
      axpby(2 * w, gradient, 0.0, gradient);
      return loss;
    }
    if constexpr (detail::fused_loss<Q, stopped_value_t<T>, M>) {
      decltype(auto) g = detail::operand(gradient);
      return operations_t<Q const>::normalized_loss(options.epsilon, w, detail::operand(q), detail::operand(t), g);
    }
    M& v = work.get(0, q, s);
    normalize_rows(options.epsilon, q, gradient);
    normalize_rows(options.epsilon, t, v);
    axpby(-1.0, v, 1.0, gradient);
    scalar_t<Q> const loss = scalar_t<Q>(w) * dot(gradient, gradient);
    axpby(2 * w, gradient, 0.0, gradient);
    normalize_rows_adjoint(options.epsilon, q, gradient);
    return loss;
  }
  template <class Q, class T, class M>
    requires(!stopped_tensor<T>)
  void operator()(Q const&, T const&, M&, workspace<M>&, loss_options const& = {}) const {
    static_assert(!sizeof(T*),
                  "selfpred: the target of a loss must be stopped: write prediction_loss(q, "
                  "selfpred::stop_gradient(target), gradient, workspace)");
  }
};
inline constexpr prediction_loss_fn prediction_loss{};

/// linear_prediction_loss(z, p, stop_gradient(t), gradient, workspace, options): the prediction_loss of Q = Z P, and
/// gradient <- dL/dZ = dL/dQ P^T, P being a constant (Richemond et al. 2023, section 2). z, t and gradient are b x f, p is
/// f x f.
///
/// The numbers are those of gemm, prediction_loss, gemm, in which order it is made where nothing better is known. On hosts
/// the normalised loss looks at rows of Q a few panels at a time and keeps neither Q nor dL/dQ but in the engine's own
/// buffers, for f up to 1024 and 2 b >= f. Errors: those of prediction_loss; shape_error. The gradient must not share
/// storage with z, p or t. Cost: two products b f^2 and 2 to 5 % (docs/benchmarks.md); no allocation after the first call
/// of a shape, no synchronisation.
/// Example: linear_prediction_loss(z, objective.predictor(), stop_gradient(t), gradient, work)
struct linear_prediction_loss_fn {
  template <matrix Z, matrix P, stopped_tensor T, matrix M>
    requires compatible<Z, P> && compatible<Z, stopped_value_t<T>> && compatible<Z, M>
  scalar_t<Z> operator()(Z const& z, P const& p, T const& target, M& gradient, workspace<M>& work,
                         loss_options const& options = {}) const {
    options.check();
    shape const s = shape_of(z);
    detail::expect_shape("linear_prediction_loss", "p", shape_of(p), {s.cols(), s.cols()});
    detail::expect_shape("linear_prediction_loss", "target", shape_of(target.get()), s);
    detail::expect_shape("linear_prediction_loss", "gradient", shape_of(gradient), s);
    if (s.rows() == 0)
      throw shape_error(detail::complaint("linear_prediction_loss", "z", s.text(), "at least one row"));
    if (overlaps(z, target.get()))
      throw alias_error(
          "linear_prediction_loss: target shares its storage with z, expected the output of the target network");
    if (auto const loss = detail::loss_at_once(z, p, target.get(), 1.0, gradient, options)) return *loss;
    M &q = work.get(1, z, s), &dq = work.get(2, z, s);
    gemm(1.0, z, op::none, p, op::none, 0.0, q);
    auto const loss = prediction_loss(q, target, dq, work, options);
    gemm(1.0, dq, op::none, p, op::transpose, 0.0, gradient);
    return loss;
  }
};
inline constexpr linear_prediction_loss_fn linear_prediction_loss{};

}  // namespace selfpred
