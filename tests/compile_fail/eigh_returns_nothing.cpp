// expect: eigh_power
// SPDX-License-Identifier: MIT
// eigh_power returns the largest eigenvalue; an adapter that returns nothing has no eigendecomposition.
#include <selfpred/ops.hpp>

#include "tests/support/opaque.hpp"

struct decomposed : far::handle {
  using far::handle::handle;
};
template <>
struct selfpred::tensor_traits<decomposed> : does_operations<decomposed>, far::by_get<decomposed, double> {
  using scalar_type = double;
#ifdef CONTROL
  static double eigh_power(decomposed const&, double, decomposed&) { return 0; }
#else
  static void eigh_power(decomposed const&, double, decomposed&) {}
#endif
  static void eigenvalues(decomposed const&, std::span<double>) {}
  static void eigenvectors(decomposed const&, std::span<double>, decomposed&) {}
};
static_assert(selfpred::matrix<decomposed>);
static_assert(selfpred::matrix_with_eigh<decomposed>);
