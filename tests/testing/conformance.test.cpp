// SPDX-License-Identifier: MIT
// The laws must hold on good adapters and catch bad ones: one deliberate fault each. Eigen and host arrays, with all
// capabilities, are in host/eigh.test.cpp.
#include <algorithm>
#include <selfpred/strided/operations.hpp>
#include <selfpred/testing/conformance.hpp>

#include "support/opaque.hpp"

namespace sp = selfpred;
using selfpred_tests::dense;

namespace {

enum class fault {
  none,
  shares_storage,
  fill_ignored,
  column_major_transfer,
  reads_y,
  dropped_b,
  copy_does_nothing,
  lerp_swapped,
  lerp_inexact,
  dot_in_float,
  sums_wrong,
  gemm_ignores_op,
  gemm_reads_z,
  one_triangle,
  diagonal_is_all,
  no_floor,
  adjoint_keeps_length,
  adjoint_ignores_floor,
  writes_a_copy,
  overlaps_never,
  changes_input,
  solve_of_identity,
  pivot_one,
  solve_never_fails,
  scale_columns,
  largest_is_smallest,
  descending,
  vectors_in_rows,
  vectors_unscaled,
  vectors_swapped,
  negative_kept
};

// ByValue: copy_in takes its output by value, which no concept can see.
template <bool ByValue>
struct faulty {
  fault f = fault::none;
  std::shared_ptr<dense> d = std::make_shared<dense>(0, 0);
};

}  // namespace

template <bool ByValue>
struct selfpred::tensor_traits<faulty<ByValue>> : selfpred::does_operations<faulty<ByValue>> {
  using T = faulty<ByValue>;

  static selfpred::shape shape(T const& x) { return {x.d->rows, x.d->cols}; }
  static void const* storage(T const& x) { return x.d->v.data(); }
  static bool overlaps(T const& x, T const& y) { return x.f != fault::overlaps_never && x.d == y.d; }
  static T filled(T const& like, selfpred::shape const& s, double v) {
    static auto const everyones = std::make_shared<dense>(4097, 3);
    T x{like.f, std::make_shared<dense>(s.rows(), s.cols(), like.f == fault::fill_ignored ? 0 : v)};
    if (like.f == fault::shares_storage) {
      *everyones = *x.d;
      x.d = everyones;
    }
    return x;
  }
  static void axpby(double a, T const& x, double b, T& y) {
    dense r = *x.d;
    for (std::size_t i = 0; i < r.v.size(); ++i) {
      r.v[i] *= a;
      if (x.f != fault::dropped_b && (b != 0 || x.f == fault::reads_y)) r.v[i] += b * y.d->v[i];
    }
    if (x.f == fault::changes_input) x.d->v[0] += 0.125;
    *y.d = r;
  }
  static void copy(T const& x, T& y) {
    if (x.f != fault::copy_does_nothing) *y.d = *x.d;
  }
  static void lerp(double w, T const& x, T& y) {
    double const v = x.f == fault::lerp_swapped ? 1 - w : w;
    if (v == 1 && x.f != fault::lerp_inexact) return copy(x, y);
    for (std::size_t i = 0; i < y.d->v.size(); ++i)
      y.d->v[i] += v * (x.d->v[i] - y.d->v[i]) + (x.f == fault::lerp_inexact ? 0x1p-50 : 0);
  }
  static double dot(T const& x, T const& y) {
    if (x.f == fault::dot_in_float) {
      float s = 0;
      for (std::size_t i = 0; i < x.d->v.size(); ++i) s += static_cast<float>(x.d->v[i] * y.d->v[i]);
      return s;
    }
    return selfpred_tests::inner(*x.d, *y.d);
  }
  static void copy_out(T const& x, std::span<double> o) {
    dense const r = x.f == fault::column_major_transfer ? x.d->transposed() : *x.d;
    std::copy_n(r.v.data(), o.size(), o.data());
  }
  static void copy_in(std::span<double const> s, std::conditional_t<ByValue, T, T&> y) {
    if constexpr (ByValue) y.d = std::make_shared<dense>(*y.d);
    std::copy_n(s.data(), s.size(), y.d->v.data());
  }
  static void narrow(double a, T const& sum, T& y) { axpby(sum.f == fault::sums_wrong ? 2 * a : a, sum, 0.0, y); }
  static void gemm(double a, T const& x, op p, T const& y, op q, double b, T& z) {
    bool const ignores = x.f == fault::gemm_ignores_op;
    dense const u = p == op::transpose && !ignores ? x.d->transposed() : *x.d;
    dense const v = q == op::transpose && !ignores ? y.d->transposed() : *y.d;
    dense r = u.cols == v.rows ? selfpred_tests::product(a, u, op::none, v, op::none) : *z.d;  // no fault reads astray
    if (r.v.size() != z.d->v.size()) r = *z.d;
    for (std::size_t i = 0; i < r.v.size(); ++i)
      if (b != 0 || x.f == fault::gemm_reads_z) r.v[i] += b * z.d->v[i];
    *z.d = r;
  }
  static void gemm_symmetric(double a, T const& x, op p, T const& y, op q, double b, T& z) {
    dense const before = *z.d;
    gemm(a, x, p, y, q, b, z);
    if (x.f == fault::one_triangle)
      for (index i = 0; i < before.rows; ++i)
        for (index j = i + 1; j < before.cols; ++j) (*z.d)(i, j) = before(i, j);
  }
  static void add_diagonal(double a, T& x) {
    for (index i = 0; i < x.d->rows; ++i)
      for (index j = 0; j < x.d->cols; ++j)
        if (i == j || x.f == fault::diagonal_is_all) (*x.d)(i, j) += a;
  }
  static void normalize_rows(double epsilon, T const& x, T& y) {
    *y.d = selfpred_tests::normalized(*x.d, x.f == fault::no_floor ? 1e-300 : epsilon);
  }
  static void normalize_rows_adjoint(double epsilon, T const& x, T& g) {
    far::handle u(*x.d), v(*g.d);
    if (x.f == fault::adjoint_keeps_length) *u.shared = dense(x.d->rows, x.d->cols);
    selfpred::tensor_traits<far::handle>::normalize_rows_adjoint(x.f == fault::adjoint_ignores_floor ? 1e-300 : epsilon,
                                                                 u, v);
    *g.d = *v.shared;
  }
  static void scale_rows(T const& w, T const& x, T& y) {
    *y.d = *x.d;
    for (index i = 0; i < x.d->rows; ++i)
      for (index j = 0; j < x.d->cols; ++j)
        (*y.d)(i, j) *= w.d->v[static_cast<std::size_t>(x.f == fault::scale_columns ? j : i)];
  }
  static double spd_solve(T& x, T& y) {  // Gauss without exchanges
    dense &a = *x.d, &b = *y.d;
    double least = INFINITY;
    if (x.f == fault::solve_of_identity) return 1;
    for (index k = 0; k < a.rows; ++k) {
      least = std::min(least, a(k, k));
      if (!(a(k, k) > 0) && x.f != fault::solve_never_fails) return 0;
      for (index i = 0; i < a.rows; ++i) {
        if (i == k) continue;
        double const l = a(i, k) / a(k, k);
        for (index j = 0; j < a.cols; ++j) a(i, j) -= l * a(k, j);
        for (index j = 0; j < b.cols; ++j) b(i, j) -= l * b(k, j);
      }
    }
    for (index i = 0; i < a.rows; ++i)
      for (index j = 0; j < b.cols; ++j) b(i, j) /= a(i, i);
    return x.f == fault::pivot_one ? 100 : least;
  }
  // Jacobi's rotations, then sorted: ten sweeps are plenty for 3 x 3.
  static std::vector<double> decompose(dense a, dense& v) {
    using selfpred_tests::product;
    index const n = a.rows;
    auto const identity = [&] {
      dense r(n, n);
      for (index i = 0; i < n; ++i) r(i, i) = 1;
      return r;
    };
    v = identity();
    for (int sweep = 0; sweep < 10; ++sweep)
      for (index i = 0; i < n; ++i)
        for (index j = i + 1; j < n; ++j) {
          double const angle = std::atan2(2 * a(i, j), a(i, i) - a(j, j)) / 2;
          dense r = identity();
          r(i, i) = r(j, j) = std::cos(angle), r(j, i) = std::sin(angle), r(i, j) = -r(j, i);
          a = product(1, product(1, r, op::transpose, a, op::none), op::none, r, op::none);
          v = product(1, v, op::none, r, op::none);
        }
    for (index k = 0; k < n; ++k)
      for (index j = 0; j + 1 < n; ++j)
        if (a(j, j) > a(j + 1, j + 1)) {
          std::swap(a(j, j), a(j + 1, j + 1));
          for (index i = 0; i < n; ++i) std::swap(v(i, j), v(i, j + 1));
        }
    std::vector<double> w;
    for (index i = 0; i < n; ++i) w.push_back(a(i, i));
    return w;
  }
  static double eigh_power(T const& x, double power, T& y) {
    dense v(0, 0), d(x.d->rows, x.d->rows);
    auto const w = decompose(*x.d, v);
    for (index i = 0; i < d.rows; ++i) {
      double const e = w[static_cast<std::size_t>(i)];
      d(i, i) = e < 0 && x.f == fault::negative_kept ? e : std::pow(std::max(e, 0.0), power);
    }
    *y.d = selfpred_tests::product(1, selfpred_tests::product(1, v, op::none, d, op::none), op::none, v, op::transpose);
    return std::max(x.f == fault::largest_is_smallest ? w.front() : w.back(), 0.0);
  }
  static void eigenvalues(T const& x, std::span<double> w) {
    dense v(0, 0);
    std::ranges::copy(decompose(*x.d, v), w.begin());
    if (x.f == fault::descending) std::ranges::reverse(w);
  }
  static void eigenvectors(T const& x, std::span<double> w, T& y) {
    dense& v = *y.d;
    std::ranges::copy(decompose(*x.d, v), w.begin());
    if (x.f == fault::vectors_swapped)
      for (index i = 0; i < v.rows; ++i) std::swap(v(i, 0), v(i, 1));
    if (x.f == fault::vectors_unscaled) v = selfpred_tests::combination(2, v, 0, v);
    if (x.f == fault::vectors_in_rows) v = v.transposed();
  }
};

namespace {

selfpred::testing::conformance_report run(fault f) {
  if (f == fault::writes_a_copy) return selfpred::testing::conformance(faulty<true>{f, std::make_shared<dense>(2, 2)});
  return selfpred::testing::conformance(faulty<false>{f, std::make_shared<dense>(2, 2)});
}
// The fault is found, under its law's number, and the text says it.
void found(fault f, int law) {
  auto const report = run(f);
  bool named = false;
  for (auto const& v : report.violations) named = named || v.law == law;
  CAPTURE(int(f), law, report.text());
  CHECK_FALSE(report.passed());
  CHECK(named);
  CHECK_THAT(report.text(), Catch::Matchers::ContainsSubstring("law " + std::to_string(law) + ": "));
}

}  // namespace

TEST_CASE("conformance: good adapters pass, and the report says what they are", "[conformance]") {
  auto const all = run(fault::none);
  INFO(all.text());
  CHECK(all.passed());
  CHECK(all.capabilities == std::vector<std::string>{"tensor", "matrix", "matrix_with_solve", "matrix_with_eigh",
                                                     "matrix_with_row_scaling"});
  CHECK(all.defaults == std::vector<std::string>{"averageable", "expect_alike", "accumulator", "accumulate"});

  auto const opaque = selfpred::testing::conformance(far::remote(dense(2, 2)));
  INFO(opaque.text());
  CHECK(opaque.passed());
  CHECK(opaque.capabilities == std::vector<std::string>{"tensor", "matrix"});
  CHECK(opaque.defaults == std::vector<std::string>{"averageable", "expect_alike", "overlaps", "copy", "lerp",
                                                    "gemm_symmetric", "accumulator", "accumulate", "narrow"});
  CHECK(selfpred::testing::conformance(far::handle(dense(2, 2))).passed());
}

TEST_CASE("conformance: each broken law is reported under its number", "[conformance]") {
  found(fault::shares_storage, 1);
  found(fault::fill_ignored, 1);
  found(fault::overlaps_never, 1);
  found(fault::column_major_transfer, 2);
  found(fault::dropped_b, 3);
  found(fault::changes_input, 3);
  found(fault::reads_y, 4);
  found(fault::gemm_reads_z, 4);
  found(fault::writes_a_copy, 5);
  found(fault::copy_does_nothing, 6);
  found(fault::lerp_swapped, 7);
  found(fault::lerp_inexact, 7);
  found(fault::dot_in_float, 8);
  found(fault::sums_wrong, 9);
  found(fault::gemm_ignores_op, 10);
  found(fault::one_triangle, 11);
  found(fault::diagonal_is_all, 12);
  found(fault::no_floor, 13);
  found(fault::adjoint_keeps_length, 13);
  found(fault::adjoint_ignores_floor, 13);
  found(fault::solve_of_identity, 15);
  found(fault::pivot_one, 15);
  found(fault::solve_never_fails, 15);
  found(fault::largest_is_smallest, 16);
  found(fault::descending, 16);
  found(fault::vectors_swapped, 16);
  found(fault::vectors_unscaled, 16);
  found(fault::vectors_in_rows, 16);
  found(fault::negative_kept, 16);
  found(fault::scale_columns, 17);
}

TEST_CASE("conformance: a tensor of a static rank 3 runs the elementwise laws", "[conformance]") {
  std::vector<float> v(24);
  auto const cube = sp::view_tensor<3>(v.data(), std::vector<int>{2, 3, 4}, std::vector<int>{12, 4, 1});
  auto const report = selfpred::testing::conformance(cube);
  INFO(report.text());
  CHECK(report.passed());
  CHECK(report.capabilities == std::vector<std::string>{"tensor"});
  auto const line = sp::view_tensor<1>(v.data(), std::vector<int>{24}, std::vector<int>{1});
  CHECK(selfpred::testing::conformance(line).passed());
}
