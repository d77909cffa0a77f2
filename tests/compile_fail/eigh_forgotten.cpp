// expect: eigenvalues in host memory need #include <selfpred/host/eigh.hpp>
// SPDX-License-Identifier: MIT
#include <selfpred/host/engine.hpp>
#include <selfpred/ops.hpp>
#ifdef CONTROL
#include <selfpred/host/eigh.hpp>
#endif

void spectrum(selfpred::host_array<float> const& x, std::span<double> w) { selfpred::eigenvalues(x, w); }
