// SPDX-License-Identifier: MIT
// version.hpp: the only place the number lives; the build reads it from here.
#pragma once

#define SELFPRED_VERSION_MAJOR 0
#define SELFPRED_VERSION_MINOR 1
#define SELFPRED_VERSION_PATCH 0
