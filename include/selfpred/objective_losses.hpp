// SPDX-License-Identifier: MIT
// The losses of all directions and their gradients, under given predictors.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/objective_directions.hpp>

namespace selfpred::detail {

/// The scratch of a step or of an evaluation, and the gradients that it leaves there.
template <matrix M>
class view_losses {
 public:
  /// The loss of every view's predictions against the targets of the others; gradients() are those in the views. p_of(i) is
  /// what is applied to view i, an applied_predictor. p_gradient <- dL/dP where there is one.
  template <class Z, class T, class P>
  scalar_t<M> operator()(char const* where, objective_options const& options, Z const& z, T const& t, P p_of,
                         M* p_gradient = nullptr) {
    double const pairs = static_cast<double>(count_views(t) * (count_views(z) - 1));
    double const weight = options.directions == directions::mean ? 1 / pairs : 1.0;
    bool const wants_dq = p_gradient != nullptr;
    scalar_t<M> loss(0.0);
    double keep = 0;
    gradients_.clear();
    each_view(z, [&](std::size_t i, auto const& x) {  // live: the loss of AD scalars has derivatives
      auto const p = p_of(i);
      shape const s = shape_of(x);
      if (p.extent() != shape(s.cols(), s.cols()))
        throw shape_error(
            complaint(where, "z1", s.text(), std::to_string(p.extent().rows()) + " columns as the predictor"));
      gradients_.push_back(&tensors_.get(dz + i, x, s));
      scalar_t<M> one = view(i, x, t, p, 1.0, weight, options.loss, wants_dq);
      if constexpr (reads_scalars_freely<M>)
        if (!std::isfinite(one) && options.loss.kind == loss_kind::normalized) {
          // The loss does not see a scale of q; only z P does not fit. dq is then of the scaled q.
          double const a = detail::min(1.0, power_of_two_scale(dot(x, x), s.size()));
          M& small = tensors_.get(scaled, x, s);
          axpby(a, x, 0.0, small);
          if (a < 1) one = view(i, small, t, p.for_any(), a, weight, options.loss, wants_dq);
        }
      if (p_gradient) gemm(weight, x, op::transpose, tensors_.get(dq, x, s), op::none, keep, *p_gradient);
      keep = 1;
      loss = i == 0 ? one : loss + one;
    });
    if constexpr (reads_scalars_freely<M>)
      if (!std::isfinite(loss)) explain_loss(where, z, t);
    return scalar_t<M>(weight) * loss;
  }
  /// The same under the caller's P, to which alpha I is added; and predictor_gradient() <- dL/dP.
  template <class Z, class T, class P>
  scalar_t<M> under(char const* where, objective_options const& options, Z const& z, T const& t, P const& p) {
    auto const constant = stop_gradient(p);
    M& applied = tensors_.get(with_alpha, p, shape_of(p));
    copy(constant.get(), applied);
    if (options.alpha != 0) add_diagonal(options.alpha, applied);
    dp_ = &tensors_.get(dp, p, shape_of(p));
    return (*this)(
        where, options, z, t, [&](std::size_t) { return applied_predictor<M, false>(applied); }, dp_);
  }
  M const& predictor_gradient() const { return *dp_; }
  std::vector<M*> const& gradients() const { return gradients_; }
  index size() const { return tensors_.size() + loss_.size(); }

 private:
  enum slot : std::size_t { q, dq, dq_of_one, dp, with_alpha, scaled, dz };  // from dz on: one a view

  // Q = Z P, the losses against the targets of the other views and dL/dQ, dL/dZ = dL/dQ P^T. x is z scaled by `a`.
  template <class X, class T, class P>
  scalar_t<M> view(std::size_t i, X const& x, T const& t, P const& p, double a, double weight, loss_options options,
                   bool wants_dq) {
    options.epsilon *= a * a;
    bool const one_target = count_views(t) - (i < count_views(t)) == 1;
    if (p.matrix() && one_target && !wants_dq) {
      std::optional<scalar_t<M>> loss;
      each_view(t, [&](std::size_t j, auto const& target) {
        if (i != j) loss = loss_at_once(x, *p.matrix(), target.get(), weight * a, *gradients_[i], options);
      });
      if (loss) return *loss;
    }
    shape const s = shape_of(x);
    M &predicted = tensors_.get(q, x, s), &g = tensors_.get(dq, x, s);
    p.apply(x, predicted);
    scalar_t<M> loss(0.0);
    bool first = true;
    each_view(t, [&](std::size_t j, auto const& target) {
      if (i == j) return;
      M& one = first ? g : tensors_.get(dq_of_one, x, s);
      auto const l = prediction_loss(predicted, target, one, loss_, options);
      if (!first) axpby(1.0, one, 1.0, g);
      loss = first ? l : loss + l;
      first = false;
    });
    if (first) axpby(0.0, x, 0.0, g);  // the only target is this view's own
    p.apply_adjoint(weight * a, g, *gradients_[i]);
    if (a != 1) axpby(a, g, 0.0, g);
    return loss;
  }

  workspace<M> tensors_, loss_;
  std::vector<M*> gradients_;
  M* dp_ = nullptr;
};

}  // namespace selfpred::detail
