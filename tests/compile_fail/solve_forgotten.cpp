// expect: solving in host memory needs #include <selfpred/host/solve.hpp>
// SPDX-License-Identifier: MIT
#include <selfpred/host/engine.hpp>
#include <selfpred/ops.hpp>
#ifdef CONTROL
#include <selfpred/host/solve.hpp>
#endif

double solve(selfpred::host_array<float>& x, selfpred::host_array<float>& y) { return selfpred::spd_solve(x, y); }
