// SPDX-License-Identifier: MIT
// dense.hpp: what the verbs should give, by plain loops over row-major doubles that share nothing with the library.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <selfpred/ops.hpp>
#include <selfpred/strided/array.hpp>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace selfpred_tests {

using selfpred::index;

struct dense {
  index rows = 0, cols = 0;
  std::vector<double> v;

  dense(index r, index c, double x = 0) : rows(r), cols(c), v(static_cast<std::size_t>(r * c), x) {}
  double& operator()(index i, index j) { return v[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(index i, index j) const { return v[static_cast<std::size_t>(i * cols + j)]; }
  friend bool operator==(dense const&, dense const&) = default;

  dense transposed() const {
    dense t(cols, rows);
    for (index i = 0; i < rows; ++i)
      for (index j = 0; j < cols; ++j) t(j, i) = (*this)(i, j);
    return t;
  }
};

template <class S>
selfpred::host_array<S> host_values(dense const& d) {
  selfpred::host_array<S> a(selfpred::shape(d.rows, d.cols));
  selfpred::copy_in(d.v, a);
  return a;
}

/// splitmix64: the same numbers on every machine and standard library.
inline std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
/// Multiples of 1/8 in [-2, 2]: sums of their products are exact in float, so results can be compared with ==.
inline dense eighths(index rows, index cols, std::uint64_t seed) {
  dense x(rows, cols);
  for (double& e : x.v) e = static_cast<double>(static_cast<std::int64_t>(next_random(seed) % 33) - 16) / 8;
  return x;
}
/// Uniform in [-1, 1), representable in float.
inline dense uniform(index rows, index cols, std::uint64_t seed) {
  dense x(rows, cols);
  for (double& e : x.v) e = static_cast<double>(static_cast<std::int64_t>(next_random(seed) >> 40)) / (1 << 23) - 1;
  return x;
}

inline dense product(double a, dense x, selfpred::op p, dense y, selfpred::op q, double b = 0,
                     dense const& z = {0, 0}) {
  if (p == selfpred::op::transpose) x = x.transposed();
  if (q == selfpred::op::transpose) y = y.transposed();
  dense r(x.rows, y.cols);
  for (index i = 0; i < r.rows; ++i)
    for (index j = 0; j < r.cols; ++j) {
      double s = 0;
      for (index k = 0; k < x.cols; ++k) s += x(i, k) * y(k, j);
      r(i, j) = a * s + (b == 0 ? 0 : b * z(i, j));
    }
  return r;
}
inline dense combination(double a, dense const& x, double b, dense const& y) {
  dense r = x;
  for (std::size_t i = 0; i < r.v.size(); ++i) r.v[i] = a * x.v[i] + (b == 0 ? 0 : b * y.v[i]);
  return r;
}
inline double inner(dense const& x, dense const& y) {
  double s = 0;
  for (std::size_t i = 0; i < x.v.size(); ++i) s += x.v[i] * y.v[i];
  return s;
}
/// x_i / sqrt(max(|x_i|^2, epsilon)), 0 for a zero row
inline dense normalized(dense x, double epsilon) {
  for (index i = 0; i < x.rows; ++i) {
    double s = 0;
    for (index j = 0; j < x.cols; ++j) s += x(i, j) * x(i, j);
    for (index j = 0; j < x.cols; ++j) x(i, j) = x(i, j) == 0 ? 0 : x(i, j) / std::sqrt(std::max(s, epsilon));
  }
  return x;
}
/// A well conditioned symmetric positive definite matrix.
inline dense positive_definite(index n, std::uint64_t seed) {
  dense const r = uniform(n, n, seed);
  dense s = product(1.0 / static_cast<double>(n), r, selfpred::op::none, r, selfpred::op::transpose);
  for (index i = 0; i < n; ++i) s(i, i) += 0.5;
  return s;
}

inline double largest_difference(dense const& x, dense const& y) {
  if (x.rows != y.rows || x.cols != y.cols) return INFINITY;
  double d = 0;
  for (std::size_t i = 0; i < x.v.size(); ++i)
    d = std::fmax(d, std::isnan(x.v[i]) ? INFINITY : std::abs(x.v[i] - y.v[i]));
  return d;
}
/// One CHECK for all tests: the macro is what takes time to compile.
inline void expect_near(std::string const& what, dense const& got, dense const& expected, double tolerance) {
  CAPTURE(what, got.rows, got.cols, expected.rows, expected.cols, tolerance);
  CHECK(largest_difference(got, expected) <= tolerance);
}
inline void expect_equal(std::string const& what, dense const& got, dense const& expected) {
  expect_near(what, got, expected, 0);
}

/// The values of a matrix, or of any tensor as one row.
template <selfpred::tensor T>
dense read(T const& x) {
  auto const s = selfpred::shape_of(x);
  dense d(s.rank == 2 ? s.rows() : 1, s.rank == 2 ? s.cols() : s.size());
  selfpred::copy_out(x, d.v);
  return d;
}
template <class T>
void write(dense const& d, T&& x) {
  selfpred::copy_in(d.v, x);
}

/// The text of what f throws, if it is an E.
template <class E>
std::string thrown(std::function<void()> const& f) {
  try {
    f();
  } catch (E const& e) {
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace selfpred_tests
