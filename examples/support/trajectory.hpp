// SPDX-License-Identifier: MIT
// How the predictor and the latents look while an encoder is trained.
#pragma once

#include "lanes.hpp"

#include <selfpred/adapters/eigen.hpp>
#include <selfpred/diagnostics/diagnostics.hpp>
#include <selfpred/host/eigh.hpp>
#include <selfpred/selfpred.hpp>

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace support {

/// P before alpha I: stable rank and trace, both 1 for a multiple of the identity, and the distance of the best multiple
/// of P to its orthogonal polar factor, over sqrt(f). Of the online latents of one batch: quartiles of the eigenvalues of
/// S over the largest, and the effective rank.
struct snapshot {
  long step = 0;
  double stable_rank = 0, trace = 0, polar_distance = 0, lower = 0, median = 0, upper = 0, effective_rank = 0;
};

/// S of two views in double: in float, eigenvalues below 1e-5 of the largest are rounding.
inline auto wide_statistics(matrix const& z1, matrix const& z2) -> selfpred::statistics<matrix_of<double>> {
  auto sums = selfpred::statistics<matrix_of<double>>{};
  sums.add(matrix_of<double>{z1.cast<double>()}, matrix_of<double>{z2.cast<double>()});
  return sums;
}

inline auto look_at(matrix const& p, matrix const& z1, matrix const& z2, long step) -> snapshot {
  namespace diagnostics = selfpred::diagnostics;
  auto const r = diagnostics::report(p);
  auto sums = wide_statistics(z1, z2);
  auto const s = sums.compute();
  auto const quartiles = diagnostics::quantiles(diagnostics::latent_spectrum(s));
  return {step,         r.stable_rank, r.normalised_trace, r.scaled_polar_distance,
          quartiles[0], quartiles[1],  quartiles[2],       diagnostics::rank_me(s)};
}

/// One run of training.
struct trajectory {
  std::string predictor;
  std::uint64_t seed = 0;
  std::vector<snapshot> points;
};

inline auto csv(std::vector<trajectory> const& runs) -> std::string {
  auto out = std::ostringstream{};
  out << "predictor,seed,step,stable_rank,trace,polar_distance,q25,q50,q75,effective_rank\n";
  for (auto const& run : runs)
    for (auto const& p : run.points)
      out << run.predictor << ',' << run.seed << ',' << p.step << ',' << p.stable_rank << ',' << p.trace << ','
          << p.polar_distance << ',' << p.lower << ',' << p.median << ',' << p.upper << ',' << p.effective_rank << '\n';
  return out.str();
}

}  // namespace support
