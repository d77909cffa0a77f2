// SPDX-License-Identifier: MIT
// Eigen's AutoDiffScalar as an element: latents that carry derivatives, in Eigen matrices, spans or mdspans.
//
//   using active = Eigen::AutoDiffScalar<Eigen::VectorXd>;
//   auto objective = selfpred::make_objective<Eigen::Matrix<active, Eigen::Dynamic, Eigen::Dynamic>>(newton_schulz{});
//   auto const result = objective.step(z1, z2, stop_gradient(t1), stop_gradient(t2));
//   result.loss.derivatives();  // with respect to what the latents were differentiated by
//
// stop_gradient takes the values, so statistics, P and targets are constants; the loss is the same code as for numbers,
// run on AD scalars. gradient1 and gradient2 hold dL/dZ as values, as ever. Plain targets are cast: t.cast<active>().eval().
// For tests and small models: products are plain loops, and forward mode costs a pass for every derivative. Scale of
// latents is not adapted, and a NaN is not refused, as on a device. DirectPred needs <selfpred/host/eigh.hpp> as well.
#pragma once
#include <algorithm>
#include <selfpred/adapters/eigen.hpp>
#include <unsupported/Eigen/AutoDiff>

namespace selfpred {
namespace autodiff {  // its own, for selfpred::value and selfpred::reciprocal are objects

/// A coefficient or a loss among AD scalars with derivatives of type D: an AutoDiffScalar of doubles, as on hosts it is a
/// double, whose arithmetic is rounded to a number at once. Eigen's own operators return expressions, and nested ones meet
/// derivatives of sizes 0 and n; they also resize their operands.
template <class D>
struct scalar
    : Eigen::AutoDiffScalar<std::remove_cvref_t<decltype(std::declval<D&>().template cast<double>().eval())>> {
  using number =
      Eigen::AutoDiffScalar<std::remove_cvref_t<decltype(std::declval<D&>().template cast<double>().eval())>>;

  scalar(double v = 0) : number(v) {}
  template <class E>
  scalar(Eigen::AutoDiffScalar<E> const& x) : scalar() {
    add(static_cast<double>(x.value()), 1, x);
  }

  /// this <- this + (dv, a dx): the chain rule, one operand at a time. No derivatives are zeros.
  template <class E>
  scalar& add(double dv, double a, Eigen::AutoDiffScalar<E> const& x) {
    this->value() += dv;
    if (x.derivatives().size() == 0 || a == 0) return *this;
    if (this->derivatives().size() == 0)
      this->derivatives() = a * x.derivatives().template cast<double>();
    else
      this->derivatives() += a * x.derivatives().template cast<double>();
    return *this;
  }
  template <class E>
  scalar& add_product(Eigen::AutoDiffScalar<E> const& x, Eigen::AutoDiffScalar<E> const& y) {
    double const u = static_cast<double>(x.value()), v = static_cast<double>(y.value());
    return add(u * v, v, x).add(0, u, y);
  }
  friend scalar operator+(scalar x, scalar const& y) { return x.add(y.value(), 1, y); }
  friend scalar operator-(scalar x, scalar const& y) { return x.add(-y.value(), -1, y); }
  friend scalar operator*(scalar const& x, scalar const& y) { return scalar().add_product(x, y); }
  friend scalar sqrt(scalar const& x) {
    double const r = std::sqrt(x.value());
    return scalar().add(r, r > 0 ? 0.5 / r : 0, x);
  }
  friend scalar reciprocal(scalar const& x) {
    double const r = x.value() > 0 ? 1 / x.value() : 0;
    return scalar().add(r, -r * r, x);
  }
  friend double value(scalar const& x) { return static_cast<number const&>(x).value(); }
};

}  // namespace autodiff

/// The operations of strided memory whose elements are AD scalars. Solves and eigendecompositions are of values alone:
/// what reaches them is the statistics of stopped latents.
template <class D>
struct host_operations<Eigen::AutoDiffScalar<D>> : default_operations<host_operations<Eigen::AutoDiffScalar<D>>> {
  using S = Eigen::AutoDiffScalar<D>;
  using scalar_type = autodiff::scalar<D>;
  using real = typename D::Scalar;
  using in = strided<S const>;
  using out = strided<S>;
  using in2 = matrix_view<S const>;
  using out2 = matrix_view<S>;
  static constexpr bool carries_derivatives = true;

  static selfpred::shape shape(in const& x) { return x.shape(); }
  static void const* storage(in const& x) { return x.data; }
  static host_array<S> filled(in const&, selfpred::shape const& s, double v) { return host_array<S>(s, constant(v)); }
  static bool overlaps(in const& x, in const& y) {
    return detail::meet(detail::address_range(x), detail::address_range(y));
  }
  static void drop_derivatives(in const& x, out const& y) {
    each(x, y, [](S const& u, S& v) { v = constant(u.value()); });
  }
  static void copy(in const& x, out const& y) {
    each(x, y, [](S const& u, S& v) { v = u; });
  }
  static void axpby(scalar_type const& a, in const& x, scalar_type const& b, out const& y) {
    each(x, y, [&](S const& u, S& v) { v = stored(b.value() == 0 ? a * number(u) : a * number(u) + b * number(v)); });
  }
  static void lerp(scalar_type const& w, in const& x, out const& y) {
    each(x, y,
         [&](S const& u, S& v) { v = stored(w.value() == 1 ? number(u) : number(v) + w * (number(u) - number(v))); });
  }
  static scalar_type dot(in const& x, in const& y) {
    scalar_type sum;
    each(x, y, [&](S const& u, S const& v) { sum.add_product(u, v); });
    return sum;
  }
  static void copy_out(in const& x, std::span<double> o) {
    expect("copy_out", "the span", view_column(o), {x.shape().size(), 1});
    each(x, view_dense(o.data(), x.shape()), [](S const& u, double& v) { v = static_cast<double>(u.value()); });
  }
  static void copy_in(std::span<double const> s, out const& y) {
    expect("copy_in", "the span", view_column(s), {y.shape().size(), 1});
    each(view_dense(s.data(), y.shape()), y, [](double u, S& v) { v = constant(u); });
  }

  static void gemm(scalar_type const& a, in2 x, op p, in2 y, op q, scalar_type const& b, out2 z) {
    if (p == op::transpose) x = x.transposed();
    if (q == op::transpose) y = y.transposed();
    expect("gemm", "the result", z, {x.rows(), y.cols()}), expect("gemm", "y", y, {x.cols(), y.cols()});
    for (index i = 0; i < z.rows(); ++i)
      for (index j = 0; j < z.cols(); ++j) {
        scalar_type sum;
        for (index k = 0; k < x.cols(); ++k) sum.add_product(x(i, k), y(k, j));
        z(i, j) = stored(b.value() == 0 ? a * sum : a * sum + b * number(z(i, j)));
      }
  }
  static void add_diagonal(scalar_type const& a, out2 x) {
    for (index i = 0; i < std::min(x.rows(), x.cols()); ++i) x(i, i) = stored(a + number(x(i, i)));
  }
  static void normalize_rows(double epsilon, in2 x, out2 y) {
    expect("normalize_rows", "y", y, x.shape());
    for (index i = 0; i < x.rows(); ++i) {
      scalar_type const scale = inverse_norm(epsilon, row_dot(x, x, i));
      for (index j = 0; j < x.cols(); ++j) y(i, j) = stored(scale * number(x(i, j)));
    }
  }
  static void normalize_rows_adjoint(double epsilon, in2 x, out2 g) {
    expect("normalize_rows_adjoint", "g", g, x.shape());
    for (index i = 0; i < x.rows(); ++i) {
      scalar_type const square = row_dot(x, x, i), scale = inverse_norm(epsilon, square);
      bool const floored = square.value() < epsilon || square.value() == 0;
      scalar_type const along = floored ? scalar_type() : row_dot(x, g, i) * reciprocal(square);
      for (index j = 0; j < x.cols(); ++j) g(i, j) = stored(scale * (number(g(i, j)) - along * number(x(i, j))));
    }
  }
  static void scale_rows(in2 w, in2 x, out2 y) {
    expect("scale_rows", "y", y, x.shape()), expect("scale_rows", "the column of weights", w, {x.rows(), 1});
    for (index i = 0; i < x.rows(); ++i)
      for (index j = 0; j < x.cols(); ++j) y(i, j) = stored(number(w(i, 0)) * number(x(i, j)));
  }
  static scalar_type spd_solve(out2 x, out2 y) {
    auto a = numbers(x), b = numbers(y);
    double const pivot = host_operations<real>::spd_solve(view(a), view(b));
    constants(b, y);
    return pivot;
  }
  static scalar_type eigh_power(in2 x, double power, out2 y) {
    auto a = numbers(x), b = numbers(y);
    double const largest = host_operations<real>::eigh_power(view(a), power, view(b));
    constants(b, y);
    return largest;
  }
  static void eigenvalues(in2 x, std::span<double> ascending) {
    auto a = numbers(x);
    host_operations<real>::eigenvalues(view(a), ascending);
  }
  static void eigenvectors(in2 x, std::span<double> ascending, out2 v) {
    auto a = numbers(x), b = numbers(v);
    host_operations<real>::eigenvectors(view(a), ascending, view(b));
    constants(b, v);
  }

 private:
  static S constant(double v) { return S(static_cast<real>(v)); }
  static scalar_type number(S const& x) { return scalar_type(x); }
  static S stored(scalar_type const& x) {
    return S(static_cast<real>(x.value()), x.derivatives().template cast<real>());
  }
  template <class A, class B, class F>
  static void each(strided<A> const& x, strided<B> const& y, F f) {
    detail::walk(x, y, [&](index n, A* u, index su, B* v, index sv) {
      for (index i = 0; i < n; ++i) f(u[i * su], v[i * sv]);
    });
  }
  static auto view(host_array<real>& x) { return view_dense(x.values.data(), x.extent); }
  static host_array<real> numbers(in const& x) {
    host_array<real> y(x.shape());
    each(x, view(y), [](S const& u, real& v) { v = u.value(); });
    return y;
  }
  static void constants(host_array<real>& x, out const& y) {
    each(view(x), y, [](real u, S& v) { v = S(u); });
  }
  static scalar_type row_dot(in2 x, in2 y, index i) {
    scalar_type sum;
    for (index j = 0; j < x.cols(); ++j) sum.add_product(x(i, j), y(i, j));
    return sum;
  }
  // max(square, epsilon)^(-1/2), a constant below epsilon; 0 for 0
  static scalar_type inverse_norm(double epsilon, scalar_type const& square) {
    return reciprocal(sqrt(square.value() < epsilon ? scalar_type(epsilon) : square));
  }
  template <class V>
  static void expect(char const* verb, char const* what, V const& got, selfpred::shape const& expected) {
    if (got.shape() != expected)
      throw shape_error(selfpred::detail::complaint(verb, what, got.shape().text(), expected.text()));
  }
  static auto view_column(auto s) { return view_column_major(s.data(), s.size(), 1); }
};

}  // namespace selfpred
