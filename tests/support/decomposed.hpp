// SPDX-License-Identifier: MIT
// decomposed.hpp: the opaque tensor of opaque.hpp with an eigendecomposition, which it does not read back either.
#pragma once
#include <selfpred/host/eigh.hpp>

#include "support/opaque.hpp"

namespace far {

struct decomposed {
  selfpred_tests::dense secret{0, 0};
  decomposed() = default;
  explicit decomposed(selfpred_tests::dense d) : secret(std::move(d)) {}
  decomposed(selfpred::index rows, selfpred::index cols) : secret(rows, cols, NAN) {}
  decomposed(decomposed&&) = default;
  decomposed& operator=(decomposed&&) = default;
};

}  // namespace far

template <>
struct selfpred::tensor_traits<far::decomposed> : selfpred::does_operations<far::decomposed> {
  using scalar_type = far::scalar;
  using T = far::decomposed;
  using there = selfpred::tensor_traits<far::remote>;
  using host = selfpred::host_operations<double>;

  // far::remote's operations on what is inside.
  static far::remote lent(T const& x) { return far::remote(x.secret); }
  template <class F>
  static auto into(T& y, F f) {
    far::remote r(std::move(y.secret));
    if constexpr (std::is_void_v<decltype(f(r))>) {
      f(r);
      y.secret = std::move(r.secret);
    } else {
      auto const result = f(r);
      y.secret = std::move(r.secret);
      return result;
    }
  }
  static selfpred::shape shape(T const& x) { return {x.secret.rows, x.secret.cols}; }
  static void const* storage(T const& x) { return x.secret.v.data(); }
  static T filled(T const&, selfpred::shape const& s, double v) {
    return T(selfpred_tests::dense(s.rows(), s.cols(), v));
  }
  static void axpby(far::scalar a, T const& x, far::scalar b, T& y) {
    auto const u = lent(x);
    into(y, [&](far::remote& r) { there::axpby(a, u, b, r); });
  }
  static far::scalar dot(T const& x, T const& y) { return there::dot(lent(x), lent(y)); }
  static void copy_out(T const& x, std::span<double> o) { there::copy_out(lent(x), o); }
  static void copy_in(std::span<double const> s, T& y) {
    into(y, [&](far::remote& r) { there::copy_in(s, r); });
  }
  static void gemm(far::scalar a, T const& x, op p, T const& y, op q, far::scalar b, T& z) {
    auto const u = lent(x), v = lent(y);
    into(z, [&](far::remote& r) { there::gemm(a, u, p, v, q, b, r); });
  }
  static void add_diagonal(far::scalar a, T& x) {
    into(x, [&](far::remote& r) { there::add_diagonal(a, r); });
  }
  static void normalize_rows(double epsilon, T const& x, T& y) {
    auto const u = lent(x);
    into(y, [&](far::remote& r) { there::normalize_rows(epsilon, u, r); });
  }
  static void normalize_rows_adjoint(double epsilon, T const& x, T& g) {
    auto const u = lent(x);
    into(g, [&](far::remote& r) { there::normalize_rows_adjoint(epsilon, u, r); });
  }

  static auto view(selfpred_tests::dense const& d) { return view_row_major(d.v.data(), d.rows, d.cols); }
  static auto view(selfpred_tests::dense& d) { return view_row_major(d.v.data(), d.rows, d.cols); }
  static far::scalar eigh_power(T const& x, double power, T& y) {
    return ++far::operations, host::eigh_power(view(x.secret), power, view(y.secret));
  }
  static void eigenvalues(T const& x, std::span<double> w) { ++far::read_backs, host::eigenvalues(view(x.secret), w); }
  static void eigenvectors(T const& x, std::span<double> w, T& v) {
    ++far::read_backs, host::eigenvectors(view(x.secret), w, view(v.secret));
  }
};
