// SPDX-License-Identifier: MIT
#include "engine.hpp"

#ifdef SELFPRED_WITH_BLAS
// One thread, where nothing else is asked for: OpenBLAS allocates the jobs of its threads, and tests count allocations.
extern "C" [[gnu::weak]] void openblas_set_num_threads(int);
[[maybe_unused]] static bool const alone = openblas_set_num_threads && (openblas_set_num_threads(1), true);
#endif

namespace selfpred::detail {

template struct panels<float>;
template struct panels<double>;
template struct eigen_products<float>;
template struct eigen_products<double>;
template struct blocked_cholesky<float>;
template struct blocked_cholesky<double>;
template struct eigen_eigensolver<float>;
template struct eigen_eigensolver<double>;

}  // namespace selfpred::detail
