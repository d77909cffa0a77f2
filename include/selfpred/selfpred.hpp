// SPDX-License-Identifier: MIT
// selfpred: self-predictive representation learning for any tensor type. Everything but adapters and host engines, which
// need a library of their own: add <selfpred/adapters/eigen.hpp> or another.
#pragma once
#include <selfpred/diagnostics/diagnostics.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/ema/checksum.hpp>
#include <selfpred/ema/profiles.hpp>
#include <selfpred/fused_update.hpp>
#include <selfpred/members.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/optimizer/adamw.hpp>
#include <selfpred/optimizer/lars.hpp>
#include <selfpred/optimizer/sgd.hpp>
#include <selfpred/predictor/by_eigh.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/direct_pred.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/neumann.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>
#include <selfpred/schedule/compose.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>
#include <selfpred/schedule/linear.hpp>
#include <selfpred/schedule/power.hpp>
#include <selfpred/schedule/warm_up.hpp>
#include <selfpred/version.hpp>
