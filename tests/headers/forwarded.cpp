// SPDX-License-Identifier: MIT
// The paths of 0.1.0 still give what they gave.
#include <selfpred/host/array.hpp>
using array = selfpred::host_array<float>;
#include <selfpred/host/operations.hpp>
using operations = selfpred::host_operations<float>;
