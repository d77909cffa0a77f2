// SPDX-License-Identifier: MIT
// All measures of a run: what they mean, and which values are healthy, is in docs/diagnostics.md.
#pragma once
#include <selfpred/diagnostics/collapse_alarm.hpp>
#include <selfpred/diagnostics/feature_std.hpp>
#include <selfpred/diagnostics/hypersphere.hpp>
#include <selfpred/diagnostics/lidar.hpp>
#include <selfpred/diagnostics/predictor_report.hpp>
