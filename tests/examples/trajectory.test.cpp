// SPDX-License-Identifier: MIT

#include "support/catch.hpp"

#include "support/trajectory.hpp"

#include <cmath>

namespace {

using Catch::Matchers::WithinAbs;
using support::matrix;

}  // namespace

TEST_CASE("a look at a multiple of the identity, and at latents of a known spectrum") {
  matrix const p = 3 * matrix::Identity(4, 4);
  matrix z = matrix::Zero(4, 4);
  z.diagonal() << 1, 2, 3, 4;  // S = diag(1, 4, 9, 16) / 4
  auto const s = support::look_at(p, z, z, 7);
  CHECK(s.step == 7);
  // 1e-6: a few roundings of float
  CHECK_THAT(s.stable_rank, WithinAbs(1, 1e-6));
  CHECK_THAT(s.trace, WithinAbs(1, 1e-6));
  CHECK_THAT(s.polar_distance, WithinAbs(0, 1e-3));  // the root of such a rounding
  CHECK_THAT(s.lower, WithinAbs(0.203125, 1e-6));    // of 1/16, 4/16, 9/16 and 1, between neighbours linear
  CHECK_THAT(s.median, WithinAbs(0.40625, 1e-6));
  CHECK_THAT(s.upper, WithinAbs(0.671875, 1e-6));
  auto entropy = 0.0;  // of the singular values 1, 2, 3, 4
  for (auto const v : {0.1, 0.2, 0.3, 0.4}) entropy -= v * std::log(v);
  CHECK_THAT(s.effective_rank, WithinAbs(std::exp(entropy), 1e-5));
}

TEST_CASE("a look at a predictor of rank one is far from its polar factor") {
  matrix p = matrix::Zero(4, 4);
  p(0, 0) = 2;
  auto const s = support::look_at(p, matrix::Identity(4, 4), matrix::Identity(4, 4), 0);
  CHECK_THAT(s.stable_rank, WithinAbs(0.25, 1e-6));
  CHECK_THAT(s.trace, WithinAbs(0.25, 1e-6));
  CHECK_THAT(s.polar_distance, WithinAbs(std::sqrt(0.75), 1e-6));  // min_c |c P - U| with U = I: three of four stay
  CHECK_THAT(s.median, WithinAbs(1, 1e-6));
}

TEST_CASE("the runs as a table of numbers") {
  auto const text = support::csv({{"direct_copy", 2, {{5, 0.5, 0.25, 0.125, 1e-9, 1e-3, 1, 30}}}});
  CHECK(text ==
        "predictor,seed,step,stable_rank,trace,polar_distance,q25,q50,q75,effective_rank\n"
        "direct_copy,2,5,0.5,0.25,0.125,1e-09,0.001,1,30\n");
}
