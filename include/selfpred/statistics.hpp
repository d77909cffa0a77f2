// SPDX-License-Identifier: MIT
// The second moments from which closed-form predictors are made, over both views and over any number of micro-batches.
#pragma once
#include <optional>
#include <selfpred/stop_gradient.hpp>
#include <selfpred/workspace.hpp>

namespace selfpred {
namespace detail {

/// Reading a scalar costs nothing on hosts, so there results may be looked at; elsewhere a step must not read back.
template <class M>
inline constexpr bool reads_scalars_freely = std::same_as<scalar_t<M>, double>;

/// A power of two that brings n values with sum of squares `squares` near 1; 1 where there is none.
inline double power_of_two_scale(double squares, index n) {
  if (!(squares > 0) || !std::isfinite(squares)) return 1;
  return std::exp2(-std::round(std::log2(squares / static_cast<double>(n)) / 2));
}

}  // namespace detail

/// S = s_scale * s and X = x_scale * x, both f x f. The scales are powers of two, 1 but for latents so large or small
/// that their squares leave the range of the element type. x is meaningless unless the sums had targets.
template <matrix M>
struct covariances {
  M const& s;
  M const& x;
  double s_scale = 1;
  double x_scale = 1;
  index rows = 0;  ///< rows in one view, over all micro-batches
};

/// Accumulates S = (Z1^T Z1 + Z2^T Z2) / (2 b) and X = (Z1^T T2 + Z2^T T1) / (2 b), uncentred, with z1, z2 the online
/// latents and t1, t2 the stopped targets of the views (Richemond et al. 2023, section 3; both views share one P). Row
/// weights w give S = sum_i w_i (z1_i z1_i^T + z2_i z2_i^T) / (2 sum w), X alike.
///
/// Each micro-batch is one product in M's element type; W, by default wider (double on hosts), holds the sums over
/// micro-batches, so that their number does not change the result beyond the rounding of one. statistics<M, M> sums in M, within M's range.
/// Latents enter detached. `sums()` is what a reduction over ranks adds up.
/// Errors: shape_error; non_finite_error (hosts) for a batch with NaN or infinity. The sums are then as before.
/// Cost of add: two symmetric products b f^2 (four with targets), no allocation after the first call of a shape.
template <matrix M, tensor W = accumulator_t<M>>
  requires std::same_as<W, accumulator_t<M>> || std::same_as<W, M>
class statistics {
 public:
  /// Sums over rows of both views, to be added over ranks in place before compute(). weight counts one view.
  struct totals {
    W& s;
    W& x;
    scalar_t<M>& weight;
    index& rows;
  };

  void clear() { weight_ = scalar_t<M>(0.0), rows_ = 0, empty_s_ = empty_x_ = true; }

  template <compatible<M> Z1, compatible<M> Z2>
  void add(Z1 const& z1, Z2 const& z2) {
    add_weighted(z1, z2, no_targets{}, no_weights{});
  }
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2>
  void add(Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2) {
    add_weighted(z1, z2, targets<T1, T2>{t1, t2}, no_weights{});
  }
  /// With a b x 1 column of row weights.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2, matrix_with_row_scaling C>
  void add(Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2, C const& weights) {
    add_weighted(z1, z2, targets<T1, T2>{t1, t2}, weights);
  }
  template <compatible<M> Z1, compatible<M> Z2, matrix_with_row_scaling C>
  void add(Z1 const& z1, Z2 const& z2, C const& weights) {
    add_weighted(z1, z2, no_targets{}, weights);
  }

  /// The sums so far. Throws state_error before the first add.
  totals sums() {
    expect_sums("statistics.sums");
    return {*s_, *x_, weight_, rows_};
  }
  index rows() const { return rows_; }

  /// S and X of everything added since clear(). The references stay valid until the next call.
  covariances<M> compute() {
    expect_sums("statistics.compute");
    index const f = shape_of(*s_).rows();
    M &s = work_.get(block, *like_, f, f), &x = work_.get(cross, *like_, f, f);
    scalar_t<M> const mean = reciprocal(weight_) * scalar_t<M>(0.5);
    if constexpr (detail::reads_scalars_freely<M>)
      if (!(value(mean) > 0))
        throw domain_error(detail::complaint("statistics.compute", "the sum of row weights",
                                             std::to_string(value(weight_)), "above 0"));
    double const s_scale = average(*s_, mean, s);
    double const x_scale = empty_x_ ? 1 : average(*x_, mean, x);
    return {s, x, s_scale, x_scale, rows_};
  }

 private:
  struct no_targets {};
  struct no_weights {};
  template <class T1, class T2>
  struct targets {
    T1 const& t1;
    T2 const& t2;
  };
  enum slot : std::size_t { block, cross, weighted1, weighted2, ones, scaled1, scaled2, scaled3, scaled4 };

  template <class Z1, class Z2, class T, class C>
  void add_weighted(Z1 const& z1, Z2 const& z2, T const& t, C const& w) {
    shape const expected = shape_of(z1);
    index const b = expected.rows(), f = expected.cols();
    expect_shape("z2", shape_of(z2), expected);
    if constexpr (!std::same_as<T, no_targets>) {
      expect_shape("target1", shape_of(t.t1.get()), expected);
      expect_shape("target2", shape_of(t.t2.get()), expected);
    }
    if (b == 0 || f == 0)
      throw shape_error(detail::complaint("statistics.add", "z1", expected.text(), "at least one row and column"));
    if (rows_ > 0 && empty_x_ != std::same_as<T, no_targets>)
      throw state_error("statistics.add: batches with and without targets meet, expected one kind since clear()");
    if (s_ && !(empty_s_ && empty_x_)) expect_shape("the number of columns", shape(f, f), shape_of(*s_));
    if (!s_ || shape_of(*s_) != shape(f, f)) make_sums(z1, shape(f, f));

    auto const d1 = stop_gradient(z1);
    auto const d2 = stop_gradient(z2);
    if constexpr (std::same_as<C, no_weights>) {
      add_products(d1.get(), d2.get(), d1.get(), d2.get(), t);
      weight_ = weight_ + scalar_t<M>(static_cast<double>(b));
    } else {
      expect_shape("weights", shape_of(w), shape(b, 1));
      M &u1 = work_.get(weighted1, z1, b, f), &u2 = work_.get(weighted2, z1, b, f);
      scale_rows(w, d1.get(), u1);
      scale_rows(w, d2.get(), u2);
      add_products(u1, u2, d1.get(), d2.get(), t);
      weight_ = weight_ + dot(w, work_.get(ones, z1, shape(b, 1), 1.0));
    }
    rows_ += b;
  }

  // Both blocks are made and looked at before either sum is touched.
  template <class U1, class U2, class Z1, class Z2, class T>
  void add_products(U1 const& u1, U2 const& u2, Z1 const& z1, Z2 const& z2, T const& t) {
    index const f = shape_of(z1).cols();
    M &s = work_.get(block, z1, f, f), &x = work_.get(cross, z1, f, f);
    double const s_factor = product<true>(u1, z1, u2, z2, s, "z1 or z2");
    if constexpr (!std::same_as<T, no_targets>) {
      double const x_factor = product<false>(u1, t.t2.get(), u2, t.t1.get(), x, "a target");
      accumulate_into(x_factor, x, empty_x_, *x_);
    }
    accumulate_into(s_factor, s, empty_s_, *s_);
  }

  // block <- (u1^T v1 + u2^T v2) / factor. If that leaves the range in which squares of its norm are normal floats, the
  // factors are scaled by powers of two first: optimistic, since it costs nothing in range.
  template <bool Symmetric, class U1, class V1, class U2, class V2>
  double product(U1 const& u1, V1 const& v1, U2 const& u2, V2 const& v2, M& out, char const* what) {
    multiply<Symmetric>(u1, v1, u2, v2, out);
    if constexpr (detail::reads_scalars_freely<M>) {
      double const n = dot(out, out);
      if (n >= 1e-30 && n <= 1e+60) return 1;
      index const count = 2 * shape_of(u1).size();
      // 2^120 is a float; what subnormals would ask for, up to 2^149, is not.
      double const a = std::min(detail::power_of_two_scale(dot(u1, u1) + dot(u2, u2), count), 0x1p120);
      double const c = std::min(detail::power_of_two_scale(dot(v1, v1) + dot(v2, v2), count), 0x1p120);
      if (a != 1 || c != 1) {
        multiply<false>(scaled(scaled1, a, u1), scaled(scaled2, c, v1), scaled(scaled3, a, u2), scaled(scaled4, c, v2),
                        out);
        if (std::isfinite(dot(out, out))) return 1 / (a * c);
      }
      if (!std::isfinite(dot(out, out)))
        throw non_finite_error(std::string("statistics.add: ") + what +
                               " has a NaN or an infinity, expected finite values");
    }
    return 1;
  }
  template <bool Symmetric, class U1, class V1, class U2, class V2>
  static void multiply(U1 const& u1, V1 const& v1, U2 const& u2, V2 const& v2, M& out) {
    if constexpr (Symmetric) {
      gemm_symmetric(1.0, u1, op::transpose, v1, op::none, 0.0, out);
      gemm_symmetric(1.0, u2, op::transpose, v2, op::none, 1.0, out);
    } else {
      gemm(1.0, u1, op::transpose, v1, op::none, 0.0, out);
      gemm(1.0, u2, op::transpose, v2, op::none, 1.0, out);
    }
  }
  template <class U>
  M& scaled(slot k, double a, U const& u) {
    M& y = work_.get(k, u, shape_of(u));
    axpby(a, u, 0.0, y);
    return y;
  }
  static void accumulate_into(double a, M const& x, bool& empty, W& sum) {
    if constexpr (std::same_as<W, accumulator_t<M>>)
      accumulate(a, x, empty ? 0.0 : 1.0, sum);
    else
      axpby(a, x, empty ? 0.0 : 1.0, sum);
    empty = false;
  }
  // y <- mean * sum / scale, with a scale other than 1 only where y would leave its range
  static double average(W const& sum, scalar_t<M> const& mean, M& y) {
    double scale = 1;
    if constexpr (detail::reads_scalars_freely<M>) {
      double const n = mean * mean * dot(sum, sum);
      if (!(n >= 1e-24 && n <= 1e+24)) scale = 1 / detail::power_of_two_scale(n, 1);
    }
    if constexpr (std::same_as<W, accumulator_t<M>>)
      narrow(mean * scalar_t<M>(1 / scale), sum, y);
    else
      axpby(mean * scalar_t<M>(1 / scale), sum, 0.0, y);
    return scale;
  }
  template <class L>
  void make_sums(L const& like, shape const& s) {
    if constexpr (std::same_as<W, accumulator_t<M>>)
      s_.emplace(accumulator(like, s)), x_.emplace(accumulator(like, s));
    else
      s_.emplace(detail::make_owner<M>(like, s)), x_.emplace(detail::make_owner<M>(like, s));
    like_.emplace(detail::make_owner<M>(like, shape(1, 1)));
    clear();
  }
  void expect_sums(char const* where) const {
    if (!s_ || empty_s_) throw state_error(std::string(where) + ": nothing was added, expected a batch");
  }
  static void expect_shape(char const* what, shape const& got, shape const& expected) {
    if (got != expected) throw shape_error(detail::complaint("statistics.add", what, got.text(), expected.text()));
  }

  std::optional<W> s_, x_;
  std::optional<M> like_;  // where workspaces are made: device and type travel with it
  scalar_t<M> weight_ = scalar_t<M>(0.0);
  index rows_ = 0;
  bool empty_s_ = true, empty_x_ = true;
  workspace<M> work_;
};

}  // namespace selfpred
