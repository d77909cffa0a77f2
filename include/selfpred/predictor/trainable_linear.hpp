// SPDX-License-Identifier: MIT
#pragma once

namespace selfpred {

/// The standard predictor of BYOL, linear: P is a parameter of the user's, moved by the user's optimiser.
///
/// objective.step(z1, z2, target1, target2, p) takes P and also returns dL/dP = Z^T dL/dQ, f x f, summed over the two
/// directions. No statistics, no EMA; alpha I is added if asked for.
/// Example: make_objective<Eigen::MatrixXf>(trainable_linear{}).step(z1, z2, target1, target2, p).predictor_gradient
struct trainable_linear {};

}  // namespace selfpred
