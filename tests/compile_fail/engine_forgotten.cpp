// expect: products of host memory need #include <selfpred/host/engine.hpp>
// SPDX-License-Identifier: MIT
#include <selfpred/ops.hpp>
#include <selfpred/strided/operations.hpp>
#ifdef CONTROL
#include <selfpred/host/engine.hpp>
#endif

void multiply(selfpred::host_array<float> const& x, selfpred::host_array<float>& z) {
  selfpred::gemm(1.0, x, selfpred::op::none, x, selfpred::op::none, 0.0, z);
}
