// SPDX-License-Identifier: MIT
// Included before every test source by the build: the engine and the eigensolvers are instantiated once, in engine.cpp.
#pragma once
#include <selfpred/host/eigh.hpp>
#include <selfpred/host/solve.hpp>

#ifndef SELFPRED_TESTS_NATIVE  // which instantiates its own, with other instructions
namespace selfpred::detail {

extern template struct panel_squares<float>;
extern template struct panel_squares<double>;
extern template struct panels<float>;
extern template struct panels<double>;
extern template struct panel_products<float>;
extern template struct panel_products<double>;
extern template struct panel_prediction<float>;
extern template struct panel_prediction<double>;
extern template struct cholesky_leaf<float>;
extern template struct cholesky_leaf<double>;
extern template struct blocked_cholesky<float>;
extern template struct blocked_cholesky<double>;
extern template struct eigen_eigensolver<float>;
extern template struct eigen_eigensolver<double>;

}  // namespace selfpred::detail
#endif
