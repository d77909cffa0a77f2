// SPDX-License-Identifier: MIT
// Passes on OpenMP's threads. For programs that are compiled with it: it is never asked for behind one's back.
#pragma once
#include <selfpred/executor.hpp>

#ifndef _OPENMP
#error "selfpred: <selfpred/host/openmp.hpp> needs OpenMP: -fopenmp, or OpenMP::OpenMP_CXX in CMake"
#endif

namespace selfpred {

/// ema_options{.threads = selfpred::openmp(8)}: one parallel region a pass, one part a thread.
inline executor openmp(int threads) {
  return {threads, [](int parts, part_task task) {
#pragma omp parallel for num_threads(parts) schedule(static, 1)
            for (int i = 0; i < parts; ++i) task(i);
          }};
}

}  // namespace selfpred
