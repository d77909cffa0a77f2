// expect: tensor_traits<.*mat>|tensor<(X|T)>. \[with (X|T) = mat\]
// SPDX-License-Identifier: MIT
#include <selfpred/ops.hpp>
#include <selfpred/strided/operations.hpp>

struct mat {
  float v[4] = {};
};
#ifdef CONTROL
template <>
struct selfpred::tensor_traits<mat> : selfpred::shows_memory {
  static auto view(auto& m) { return view_row_major(m.v, 2, 2); }
};
#endif

double square(mat const& x) { return selfpred::dot(x, x); }
