// SPDX-License-Identifier: MIT
// S and X of one micro-batch, in the element type of its latents: prepared as the options say, in range, looked at.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/covariances.hpp>

namespace selfpred::detail {

inline constexpr std::size_t every_view = static_cast<std::size_t>(-1);
struct no_weights {};

/// What statistics adds up: blocks sum z z^T and sum z t^T divided by their factors, and the means that were subtracted.
template <matrix M>
class moment_block {
 public:
  using pointers = std::vector<M*>;

  /// Makes the blocks of views z and targets t with row weights w; `only` names the one view to take.
  template <class Z, class T, class C>
  void make(moment_options const& options, Z const& z, T const& t, C const& w, std::size_t only) {
    each_view(z, [&](std::size_t i, auto const& x) {
      if (i == 0 && !like_) like_.emplace(make_owner<M>(x, shape(1, 1)));
      if (i == 0) shape_ = shape_of(x);
    });
    constexpr bool weigh = !std::same_as<C, no_weights>;
    weight_ = scalar_t<M>(static_cast<double>(shape_.rows()));
    z_.clear(), t_.clear();
    if (weigh || options.centred || options.normalise_rows) {
      M& column = work_.get(ones, *like_, shape(shape_.rows(), 1), 1.0);
      if constexpr (weigh) weight_ = dot(w, column);
      prepare(options, z, online, z_, w, column);
      prepare(options, t, target, t_, w, column);
      if constexpr (weigh)
        products(z_, t_, weighted_views(w), only);
      else
        products(z_, t_, nullptr, only);
    } else
      products(z, t, nullptr, only);
  }

  index workspace_size() const { return work_.size(); }
  M& s() { return work_.get(block, *like_, shape_.cols(), shape_.cols()); }
  M& x() { return work_.get(cross, *like_, shape_.cols(), shape_.cols()); }
  double s_factor() const { return s_factor_; }
  double x_factor() const { return x_factor_; }
  /// Of the rows of one view: their number, or the sum of their weights.
  scalar_t<M> const& weight() const { return weight_; }
  /// f x 1, of a centred block.
  M& online_mean(std::size_t i) { return copy_slot(i, mean_of_online, shape(shape_.cols(), 1)); }
  M& target_mean(std::size_t i) { return copy_slot(i, mean_of_target, shape(shape_.cols(), 1)); }

 private:
  enum slot : std::size_t { block, cross, ones, copies };  // from copies on: five a view
  enum kind : std::size_t { online, target, weighted, mean_of_online, mean_of_target, kinds };

  M& copy_slot(std::size_t view, kind k, shape const& s) { return work_.get(copies + kinds * view + k, *like_, s); }

  template <class L, class C>
  void prepare(moment_options const& options, L const& list, kind what, pointers& out, C const& w, M const& column) {
    each_view(list, [&](std::size_t i, auto const& x) {
      auto const d = detached(x);
      M& y = copy_slot(i, what, shape_);
      if (options.normalise_rows)
        selfpred::normalize_rows(0.0, d.get(), y);
      else
        copy(d.get(), y);
      out.push_back(&y);
      if (!options.centred) return;
      M& mean = what == online ? online_mean(i) : target_mean(i);
      if constexpr (std::same_as<C, no_weights>)
        gemm(selfpred::reciprocal(weight_), y, op::transpose, column, op::none, 0.0, mean);
      else
        gemm(selfpred::reciprocal(weight_), y, op::transpose, w, op::none, 0.0, mean);
      gemm(-1.0, column, op::none, mean, op::transpose, 1.0, y);
    });
  }
  template <class C>
  pointers const* weighted_views(C const& w) {
    left_.clear();
    for (std::size_t i = 0; i < z_.size(); ++i) {
      left_.push_back(&copy_slot(i, weighted, shape_));
      selfpred::scale_rows(w, *z_[i], *left_[i]);
    }
    return &left_;
  }

  // If a block leaves the range in which squares of its norm are normal floats, everything is scaled by powers of two
  // and made again: optimistic, since it costs nothing in range.
  template <class Z, class T, class L>
  void products(Z const& z, T const& t, L const& left, std::size_t only) {
    multiply(z, t, left, only);
    s_factor_ = x_factor_ = 1;
    if constexpr (reads_scalars_freely<M>) {
      bool const crossed = count_views(t) > 0;
      auto const fits = [](double n) { return n >= 1e-30 && n <= 1e+60; };
      if (fits(dot(s(), s())) && (!crossed || fits(dot(x(), x())))) return;
      double const a = scale_of(z), c = scale_of(t);
      double l = a;
      if constexpr (!std::is_null_pointer_v<L>) l = scale_of(*left);
      if (a != 1 || c != 1 || l != 1) {
        if constexpr (!std::is_null_pointer_v<L>) scale(*left, weighted, left_, l);
        scale(z, online, z_, a);
        scale(t, target, t_, c);
        multiply(z_, t_, left, only);
        s_factor_ = 1 / (l * a), x_factor_ = 1 / (l * c);
      }
      if (!std::isfinite(dot(s(), s()))) refuse("z1 or z2 or another view");
      if (crossed && !std::isfinite(dot(x(), x()))) refuse("a target");
    }
  }
  template <class Z, class T, class L>
  void multiply(Z const& z, T const& t, L const& left, std::size_t only) {
    double keep_s = 0, keep_x = 0;
    each_view(z, [&](std::size_t i, auto const& zi) {
      if (only != every_view && i != only) return;
      auto const right = detached(zi);
      auto const with = [&](auto const& l) {
        gemm_symmetric(1.0, l, op::transpose, right.get(), op::none, keep_s, s());
        keep_s = 1;
        each_view(t, [&](std::size_t j, auto const& tj) {
          if (i == j) return;
          gemm(1.0, l, op::transpose, detached(tj).get(), op::none, keep_x, x());
          keep_x = 1;
        });
      };
      if constexpr (std::is_null_pointer_v<L>)
        with(right.get());
      else
        with(*(*left)[i]);
    });
  }
  template <class L>
  static double scale_of(L const& list) {
    double squares = 0;
    index n = 0;
    each_view(list, [&](std::size_t, auto const& x) {
      auto const d = detached(x);
      squares += dot(d.get(), d.get()), n += shape_of(d.get()).size();
    });
    return detail::min(power_of_two_scale(squares, n), 0x1p120);  // a float; 2^149, which subnormals ask for, is not
  }
  template <class L>
  void scale(L const& list, kind what, pointers& out, double a) {
    std::size_t n = 0;
    each_view(list, [&](std::size_t i, auto const& x) {
      auto const d = detached(x);
      M& y = copy_slot(i, what, shape_);
      axpby(a, d.get(), 0.0, y);
      if (n == out.size()) out.push_back(&y);
      out[n++] = &y;
    });
  }
  [[noreturn]] static void refuse(char const* what) {
    throw non_finite_error(std::string("statistics.add: ") + what +
                           " has a NaN or an infinity, expected finite values");
  }

  workspace<M> work_;
  std::optional<M> like_;
  shape shape_;
  scalar_t<M> weight_ = scalar_t<M>(0.0);
  double s_factor_ = 1, x_factor_ = 1;
  pointers z_, t_, left_;
};

}  // namespace selfpred::detail
