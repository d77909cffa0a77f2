// expect: view. (is not a member of|in) .selfpred::tensor_traits<mat>|no member named .view.
// SPDX-License-Identifier: MIT
#include <selfpred/ops.hpp>
#include <selfpred/strided/operations.hpp>

struct mat {
  float v[4] = {};
};
template <>
struct selfpred::tensor_traits<mat> : selfpred::shows_memory {
#ifdef CONTROL
  static auto view(auto& m) { return view_row_major(m.v, 2, 2); }
#else
  static auto veiw(auto& m) { return view_row_major(m.v, 2, 2); }
#endif
};

double square(mat const& x) { return selfpred::dot(x, x); }
