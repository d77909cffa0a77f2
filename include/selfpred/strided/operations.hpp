// SPDX-License-Identifier: MIT
// What strided host memory does. Elementwise work is plain loops, which compilers vectorise to the speed of memory. Products,
// solves and eigenvalues of float and double are what host/engine.hpp, host/solve.hpp and host/eigh.hpp define.
#pragma once
#include <cmath>
#include <limits>
#include <optional>
#include <selfpred/algorithm.hpp>
#include <selfpred/strided/array.hpp>
#include <selfpred/strided/element.hpp>
#include <selfpred/strided/loss_rows.hpp>
#include <selfpred/strided/reference.hpp>
#include <selfpred/strided/walk.hpp>

namespace selfpred {

template <class S>
struct host_operations;

template <class S, int R>
struct tensor_traits<strided<S, R>> : does_operations<strided<S, R>> {
  using operations = host_operations<std::remove_const_t<S>>;
  static auto filled(strided<S, R> const& x, shape const& s, double v) { return operations::filled(x, s, v); }
};

/// The operations of strided<S, Rank>: non-template signatures, so every host tensor of one element type shares them.
template <class S>
struct host_operations : default_operations<host_operations<S>> {
  using in = strided<S const>;
  using out = strided<S>;
  using in2 = matrix_view<S const>;
  using out2 = matrix_view<S>;
  static constexpr double unit_roundoff =
      std::is_floating_point_v<S> ? static_cast<double>(std::numeric_limits<S>::epsilon()) / 2 : 0;
  static selfpred::shape shape(in const& x) { return x.shape(); }
  static void const* storage(in const& x) { return x.data; }
  static bool averageable(in const&) { return detail::averages<S>; }
  static host_array<S> filled(in const&, selfpred::shape const& s, double v) {
    return host_array<S>(s, static_cast<S>(v));
  }
  static bool overlaps(in const& x, in const& y) {
    return detail::meet(detail::address_range(x), detail::address_range(y));
  }

  static void copy(in const& x, out const& y) {
    detail::walk(x, y, [](index n, S const* u, index su, S* v, index sv) {
      if (su == 1 && sv == 1)
        for (index i = 0; i < n; ++i) v[i] = u[i];
      else
        for (index i = 0; i < n; ++i) v[i * sv] = u[i * su];
    });
  }
  static void axpby(double a, in const& x, double b, out const& y) {
    refuse_integers();
    S const p = static_cast<S>(a), q = static_cast<S>(b);
    detail::walk(x, y, [=](index n, S const* u, index su, S* v, index sv) {
      if (q == S(0))  // y is write-only: a NaN in it must not survive
        for (index i = 0; i < n; ++i) v[i * sv] = p * u[i * su];
      else if (su == 1 && sv == 1)
        for (index i = 0; i < n; ++i) v[i] = p * u[i] + q * v[i];
      else
        for (index i = 0; i < n; ++i) v[i * sv] = p * u[i * su] + q * v[i * sv];
    });
  }
  static void lerp(double w, in const& x, out const& y) {
    refuse_integers();
    static_assert(std::numeric_limits<S>::is_integer || detail::averages<S>,
                  "selfpred: averaging in a narrow type loses every small update; keep the average in float");
    if (w == 1) return copy(x, y);
    auto const p = static_cast<detail::coefficient_t<S>>(w);
    detail::walk(x, y, [=](index n, S const* u, index su, S* v, index sv) {
      if (su == 1 && sv == 1)
        for (index i = 0; i < n; ++i) v[i] = detail::ema_step<S>(p, u[i], v[i]);
      else
        for (index i = 0; i < n; ++i) v[i * sv] = detail::ema_step<S>(p, u[i * su], v[i * sv]);
    });
  }
  static double dot(in const& x, in const& y) {
    double total = 0;
    detail::walk(
        x, y, [&](index n, S const* u, index su, S const* v, index sv) { total += detail::dot_run(n, u, su, v, sv); });
    return total;
  }
  static void copy_out(in const& x, std::span<double> o) {
    expect_size("copy_out", x.shape(), o.size());
    detail::walk(x, view_dense(o.data(), x.shape()), [](index n, S const* u, index su, double* v, index sv) {
      for (index i = 0; i < n; ++i) v[i * sv] = static_cast<double>(u[i * su]);
    });
  }
  static void copy_in(std::span<double const> s, out const& y) {
    expect_size("copy_in", y.shape(), s.size());
    detail::walk(view_dense(s.data(), y.shape()), y, [](index n, double const* u, index su, S* v, index sv) {
      for (index i = 0; i < n; ++i) v[i * sv] = static_cast<S>(u[i * su]);
    });
  }
  // Sums over batches are kept in double: a float product a block, combined without further rounding.
  static host_array<double> accumulator(in const&, selfpred::shape const& s) { return host_array<double>(s); }
  static void accumulate(double a, in const& x, double b, strided<double> const& sum) {
    detail::walk(x, sum, [=](index n, S const* u, index su, double* v, index sv) {
      if (b == 0)
        for (index i = 0; i < n; ++i) v[i * sv] = a * static_cast<double>(u[i * su]);
      else
        for (index i = 0; i < n; ++i) v[i * sv] = a * static_cast<double>(u[i * su]) + b * v[i * sv];
    });
  }
  static void narrow(double a, strided<double const> const& sum, out const& y) {
    detail::walk(sum, y, [=](index n, double const* u, index su, S* v, index sv) {
      for (index i = 0; i < n; ++i) v[i * sv] = static_cast<S>(a * u[i * su]);
    });
  }

  static void gemm(double a, in2 x, op p, in2 y, op q, double b, out2 z) {
    x = oriented(x, p), y = oriented(y, q);
    expect_product("gemm", x, y, z);
    detail::host_products<S>::gemm(static_cast<S>(a), x, y, static_cast<S>(b), z);
  }
  static void gemm_symmetric(double a, in2 x, op p, in2 y, op q, double b, out2 z) {
    x = oriented(x, p), y = oriented(y, q);
    expect_product("gemm_symmetric", x, y, z);
    if (z.rows() != z.cols())
      throw shape_error(detail::complaint("gemm_symmetric", "the result", z.shape().text(), "a square matrix"));
    detail::host_products<S>::gemm_symmetric(static_cast<S>(a), x, y, static_cast<S>(b), z);
  }
  static void add_diagonal(double a, out2 x) {
    for (index i = 0; i < detail::min(x.rows(), x.cols()); ++i) x(i, i) += static_cast<S>(a);
  }
  static void normalize_rows(double epsilon, in2 x, out2 y) {
    expect_same("normalize_rows", x, y);
    detail::normalize_rows(epsilon, x, y);
  }
  static void normalize_rows_adjoint(double epsilon, in2 x, out2 g) {
    expect_same("normalize_rows_adjoint", x, g);
    detail::normalize_rows_adjoint(epsilon, x, g);
  }
  static double normalized_loss(double epsilon, double weight, in2 q, in2 t, out2 g) {
    expect_same("normalized_loss", q, t), expect_same("normalized_loss", q, g);
    return detail::normalized_loss(epsilon, weight, q, t, g);
  }
  /// The normalised loss of q = z p; dz <- factor dL/dq p^T. Nothing where the pieces, one after another, are better.
  static std::optional<double> linear_prediction_loss(double epsilon, double weight, double factor, in2 z, in2 p, in2 t,
                                                      out2 dz)
    requires requires { &detail::host_products<S>::linear_prediction_loss; }
  {
    expect_product("linear_prediction_loss", z, p, dz), expect_same("linear_prediction_loss", t, dz);
    return detail::host_products<S>::linear_prediction_loss(epsilon, weight, static_cast<S>(factor), z, p, t, dz);
  }
  static void scale_rows(in2 w, in2 x, out2 y) {
    expect_same("scale_rows", x, y);
    if (w.rows() != x.rows() || w.cols() != 1)
      throw shape_error(detail::complaint("scale_rows", "the column of weights", w.shape().text(),
                                          selfpred::shape(x.rows(), 1).text()));
    detail::scale_rows(w, x, y);
  }
  static double spd_solve(out2 x, out2 y)
    requires std::is_floating_point_v<S>
  {
    expect_solvable("spd_solve", x, y.rows());
    return detail::host_solver<S>::spd_solve(x, y);
  }
  static double spd_inverse(out2 x, out2 y)
    requires std::is_floating_point_v<S>
  {
    expect_solvable("spd_inverse", x, x.rows());
    expect_same("spd_inverse", x, y);
    return detail::host_solver<S>::spd_inverse(x, y);
  }
  static double eigh_power(in2 x, double power, out2 y)
    requires std::is_floating_point_v<S>
  {
    expect_square("eigh_power", x);
    expect_same("eigh_power", x, y);
    return detail::host_eigensolver<S>::eigh_power(x, power, y);
  }
  static void eigenvalues(in2 x, std::span<double> w)
    requires std::is_floating_point_v<S>
  {
    expect_square("eigenvalues", x);
    expect_size("eigenvalues", selfpred::shape(x.rows(), 1), w.size());
    detail::host_eigensolver<S>::eigenvalues(x, w);
  }
  static void eigenvectors(in2 x, std::span<double> w, out2 v)
    requires std::is_floating_point_v<S>
  {
    expect_square("eigenvectors", x);
    expect_size("eigenvectors", selfpred::shape(x.rows(), 1), w.size());
    expect_same("eigenvectors", x, v);
    detail::host_eigensolver<S>::eigenvectors(x, w, v);
  }

 private:
  static constexpr void refuse_integers() {
    static_assert(!std::numeric_limits<S>::is_integer,
                  "selfpred: averaging or scaling an integral tensor has no meaning; copy it (list it in "
                  "buffers(model))");
  }
  static in2 oriented(in2 x, op p) { return p == op::none ? x : x.transposed(); }
  static void expect_size(char const* verb, selfpred::shape const& s, std::size_t n) {
    if (static_cast<index>(n) != s.size())
      throw shape_error(detail::complaint(verb, "the span", std::to_string(n) + " values", std::to_string(s.size())));
  }
  static void expect_solvable(char const* verb, in2 x, index n) {
    static_assert(
        requires { sizeof(detail::host_solver<S>); },
        "selfpred: solving in host memory needs #include <selfpred/host/solve.hpp> (adapters/eigen.hpp has it)");
    if (x.rows() != x.cols() || x.rows() != n)
      throw shape_error(detail::complaint(verb, "x", x.shape().text(), selfpred::shape(n, n).text()));
  }
  static void expect_square(char const* verb, in2 x) {  // what is decomposed
    static_assert(
        requires { sizeof(detail::host_eigensolver<S>); },
        "selfpred: eigenvalues in host memory need #include <selfpred/host/eigh.hpp>");
    if (x.rows() != x.cols()) throw shape_error(detail::complaint(verb, "x", x.shape().text(), "a square matrix"));
  }
  static void expect_same(char const* verb, in2 x, in2 y) {
    if (x.shape() != y.shape()) throw shape_error(detail::complaint(verb, "y", y.shape().text(), x.shape().text()));
  }
  static void expect_product(char const* verb, in2 x, in2 y, in2 z) {
    static_assert(
        requires { sizeof(detail::host_products<S>); },
        "selfpred: products of host memory need #include <selfpred/host/engine.hpp> "
        "(adapters/eigen.hpp has it)");
    if (x.cols() != y.rows() || z.rows() != x.rows() || z.cols() != y.cols())
      throw shape_error(detail::complaint(verb, "(" + x.shape().text() + ") * (" + y.shape().text() + ")",
                                          "to be stored in (" + z.shape().text() + ")",
                                          "matching inner and outer sizes"));
  }
};

}  // namespace selfpred
