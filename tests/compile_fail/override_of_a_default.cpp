// expect: O::lerp\(a, x, y\)
// SPDX-License-Identifier: MIT
// An override of an inherited default with arguments in another order hides the default: never silently ignored.
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
#ifdef CONTROL
  static void lerp(double w, mat const& x, mat& y) { y.v += w * (x.v - y.v); }
#else
  static void lerp(mat const& x, mat& y, double w) { y.v += w * (x.v - y.v); }
#endif
  static double dot(mat const& x, mat const& y) { return x.v * y.v; }
  static void copy_out(mat const& x, std::span<double> o) { o[0] = x.v; }
  static void copy_in(std::span<double const> s, mat& y) { y.v = s[0]; }
};

int main() {
  mat x, y;
  selfpred::axpby(1.0, x, 0.0, y);
}
