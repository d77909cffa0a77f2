// SPDX-License-Identifier: MIT
// The rows of all views in one matrix, a predictor of them without their covariance, and one by either.
#pragma once
#include <selfpred/predictor/rule.hpp>
#include <utility>

namespace selfpred::detail {

/// M is host memory that a matrix view shows: rows of it can be written.
template <class M>
inline constexpr bool shows_matrix = false;
template <class M>
  requires matrix_with_solve<M> && reads_scalars_freely<M> && requires(M& m) { detail::operand(m).stride[0]; }
inline constexpr bool shows_matrix<M> = true;

/// Whether there are batches of which Rule has no need of S: it says of which, and makes P = p0 I + Y^T U Y / n by U.
template <class M, class Rule>
inline constexpr bool knows_samples =
    shows_matrix<M> && requires(Rule const& r, M const& gram, index f, workspace<M>& work, M& u) {
      { r.template by_samples<M>(f, f) } -> std::same_as<bool>;
      { r.of_samples(gram, f, work, u) } -> std::same_as<std::optional<double>>;
    };

template <class M, bool Known>
struct sample_rows {
  static std::size_t held() { return 0; }
  static std::size_t staged() { return 0; }
  static void commit() {}
  static index workspace_size() { return 0; }
};

/// The rows that P is of and what the rule makes of them, in two halves: what is held, and what a step has staged.
template <class M>
class sample_rows<M, true> {
 public:
  /// Stages the rows of every view, or of one; nullptr where their squares leave the range of the element type or are not
  /// finite: moments know what to do then. A half that may be committed finds the other one's tensors made as well.
  template <class Rule, class Z>
  M const* stage(Rule const& rule, Z const& z, std::size_t only, index rows, index f, bool commits) {
    M *y = nullptr, *u = nullptr;
    index at = 0;
    each_view(z, [&](std::size_t i, auto const& x) {
      if (only != every_view && i != only) return;
      if (!y) {
        if (commits) keep_held(), place(held_, x, rows, f);
        std::tie(y, u) = place(staged(), x, rows, f);
      }
      rows_of_view_ = shape_of(x).rows();
      auto block = part(*y, at);
      auto const d = detached(x);
      copy(d.get(), block);
      at += rows_of_view_;
    });
    only_ = only;
    double const mean_square = dot(*y, *y) / static_cast<double>(rows * f);
    if (!(mean_square >= 1e-12 && mean_square <= 1e12)) return nullptr;
    auto const make = [&](M const& gram, workspace<M>& work, M& inner) {
      return rule.of_samples(gram, f, work, inner);
    };
    return sides_[staged()].refresh(*y, *u, work_, make) ? y : nullptr;
  }
  void commit() { held_ = staged(), holds_ = true; }
  std::size_t held() const { return held_; }
  std::size_t staged() const { return 1 - held_; }

  M const& rows(std::size_t half) const { return sides_[half].rows(); }
  /// Not finite where what is staged is not.
  double squares() const {
    auto const& side = sides_[staged()];
    return side.at_zero() * side.at_zero() + dot(side.inner(), side.inner());
  }
  /// p <- P.
  void matrix(std::size_t half, M& p) { sides_[half].matrix(p, work_); }
  /// out <- x (a P + b I), x any rows; or, of the half that is staged, those of a view.
  template <class X>
  void apply(std::size_t half, std::size_t view, double a, X const& x, double b, M& out) {
    auto const& side = sides_[half];
    if (view == every_view) return side.apply(a, x, b, out, work_);
    index const first = only_ == every_view ? static_cast<index>(view) * rows_of_view_ : 0;
    side.apply_along(part(side.gram(work_), first), a, x, b, out, work_);
  }
  index workspace_size() const { return kept_.size() + work_.size(); }

 private:
  /// Y and U of a half.
  template <class L>
  std::pair<M*, M*> place(std::size_t half, L const& like, index n, index f) {
    return {&kept_.get(2 * half, like, n, f), &kept_.get(2 * half + 1, like, n, n)};
  }
  // Used just now: not what gives way to a fifth shape.
  void keep_held() {
    if (holds_) place(held_, rows(held_), shape_of(rows(held_)).rows(), shape_of(rows(held_)).cols());
  }
  // A view's rows of m.
  auto part(M& m, index first) const {
    auto const all = detail::operand(m);
    return view_matrix(&all(first, 0), rows_of_view_, shape_of(m).cols(), all.stride[0], all.stride[1]);
  }

  linalg::sample_side<M> sides_[2];
  workspace<M> kept_, work_;
  std::size_t held_ = 0, only_ = every_view;
  bool holds_ = false;
  index rows_of_view_ = 0;
};

/// What a step does with P + alpha I, by the matrix or, where there is none, by the rows that P is of.
template <class M, bool Known>
class applied_predictor {
 public:
  explicit applied_predictor(M const& p) : p_(&p) {}
  /// For the staged half's view, or for any latents.
  applied_predictor(sample_rows<M, Known>& rows, std::size_t half, double alpha, std::size_t view = every_view)
      : rows_(&rows), half_(half), view_(view), alpha_(alpha) {}
  applied_predictor for_any() const {
    applied_predictor p = *this;
    p.view_ = every_view;
    return p;
  }

  /// Nothing where there are rows in its place.
  M const* matrix() const { return p_; }
  /// f x f.
  shape extent() const {
    if constexpr (Known)
      if (rows_) return {shape_of(rows_->rows(half_)).cols(), shape_of(rows_->rows(half_)).cols()};
    return shape_of(*p_);
  }
  /// out <- x (P + alpha I).
  template <compatible<M> X>
  void apply(X const& x, M& out) const {
    if constexpr (Known)
      if (rows_) return rows_->apply(half_, view_, 1, x, alpha_, out);
    gemm(1.0, x, op::none, *p_, op::none, 0.0, out);
  }
  /// out <- a g (P + alpha I)^T. By rows P is symmetric.
  void apply_adjoint(double a, M const& g, M& out) const {
    if constexpr (Known)
      if (rows_) return rows_->apply(half_, every_view, a, g, a * alpha_, out);
    gemm(a, g, op::none, *p_, op::transpose, 0.0, out);
  }

 private:
  M const* p_ = nullptr;
  sample_rows<M, Known>* rows_ = nullptr;
  std::size_t half_ = 0, view_ = every_view;
  double alpha_ = 0;
};

}  // namespace selfpred::detail
