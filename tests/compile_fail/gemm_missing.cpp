// expect: O::gemm\(a, x, t, x, t, a, y\)
// SPDX-License-Identifier: MIT
// An adapter without gemm is asked to multiply.
#include <selfpred/ops.hpp>

struct mat {
  double v = 0;
};
template <>
struct selfpred::tensor_traits<mat> : selfpred::does_operations<mat> {
  static selfpred::shape shape(mat const&) { return {1, 1}; }
  static void const* storage(mat const& x) { return &x; }
  static mat filled(mat const&, selfpred::shape const&, double v) { return {v}; }
  static void axpby(double a, mat const& x, double b, mat& y) { y.v = a * x.v + b * y.v; }
  static double dot(mat const& x, mat const& y) { return x.v * y.v; }
  static void copy_out(mat const& x, std::span<double> o) { o[0] = x.v; }
  static void copy_in(std::span<double const> s, mat& y) { y.v = s[0]; }
#ifdef CONTROL
  static void gemm(double a, mat const& x, op, mat const& y, op, double b, mat& z) { z.v = a * x.v * y.v + b * z.v; }
#endif
  static void add_diagonal(double a, mat& x) { x.v += a; }
  static void normalize_rows(double, mat const& x, mat& y) { y = x; }
  static void normalize_rows_adjoint(double, mat const&, mat&) {}
};

int main() {
  mat x, y;
  selfpred::gemm(1.0, x, selfpred::op::none, x, selfpred::op::none, 0.0, y);
}
