// SPDX-License-Identifier: MIT
// Where selfpred/strided/operations.hpp was until 0.1.0.
#pragma once
#include <selfpred/strided/operations.hpp>
