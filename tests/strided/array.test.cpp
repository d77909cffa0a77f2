// SPDX-License-Identifier: MIT
#include <selfpred/strided/array.hpp>
#include <selfpred/strided/operations.hpp>

#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;

TEST_CASE("host_array: a row-major array of any rank", "[host]") {
  sp::host_array<float> x(sp::shape(std::vector<int>{2, 3, 4}), 2);
  CHECK(x.values.size() == 24);
  CHECK(sp::shape_of(x).rank == 3);
  CHECK(sp::dot(x, x) == 96);
  CHECK(sp::storage(x) == x.values.data());
  auto y = sp::clone(x);
  CHECK_FALSE(sp::overlaps(x, y));
  sp::axpby(1.0, x, 0.5, y);
  CHECK(y.values.back() == 3);
  CHECK(sp::shape_of(sp::host_array<double>()).size() == 1);  // rank 0 by default, with no element yet
}

TEST_CASE("host_array: row-major positions", "[host]") {
  sp::host_array<double> x(sp::shape(2, 3));
  std::vector<double> const v{1, 2, 3, 4, 5, 6};
  sp::copy_in(v, x);
  CHECK(x.values == v);
  CHECK(sp::tensor_traits<sp::host_array<double>>::view(x).stride[0] == 3);
}
