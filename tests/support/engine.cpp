// SPDX-License-Identifier: MIT
#include "engine.hpp"

namespace selfpred::detail {

template struct panel_squares<float>;
template struct panel_squares<double>;
template struct panels<float>;
template struct panels<double>;
template struct panel_products<float>;
template struct panel_products<double>;
template struct panel_prediction<float>;
template struct panel_prediction<double>;
template struct cholesky_leaf<float>;
template struct cholesky_leaf<double>;
template struct blocked_cholesky<float>;
template struct blocked_cholesky<double>;
template struct eigen_eigensolver<float>;
template struct eigen_eigensolver<double>;

}  // namespace selfpred::detail
