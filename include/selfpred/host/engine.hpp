// SPDX-License-Identifier: MIT
// The engine of float and double in host memory: products, and the loss of a linear prediction. The standard library alone.
#pragma once
#include <selfpred/host/prediction.hpp>
#ifdef SELFPRED_WITH_BLAS
#include <selfpred/host/blas.hpp>
#endif

namespace selfpred::detail {

#ifdef SELFPRED_WITH_BLAS
template <class S>
struct engine_products : blas_products<S>, panel_prediction<S> {
  using blas_products<S>::gemm;
  using panel_prediction<S>::gemm_symmetric;
};
#else
template <class S>
using engine_products = panel_prediction<S>;
#endif
template <>
struct host_products<float> : engine_products<float> {};
template <>
struct host_products<double> : engine_products<double> {};

}  // namespace selfpred::detail

namespace selfpred {

/// Whether products, solves and inverses in host memory have the same bits whatever the number of threads: true of the
/// library's own kernels, split by host_threads or not. With SELFPRED_WITH_BLAS the promise is withdrawn: a
/// threaded BLAS may add up in another order. Eigendecompositions, which are Eigen's, are outside of it in either case.
#ifdef SELFPRED_WITH_BLAS
inline constexpr bool host_products_are_reproducible = false;
#else
inline constexpr bool host_products_are_reproducible = true;
#endif

}  // namespace selfpred
