// SPDX-License-Identifier: MIT
// Where selfpred/strided/array.hpp was until 0.1.0.
#pragma once
#include <selfpred/strided/array.hpp>
