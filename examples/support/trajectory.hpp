// SPDX-License-Identifier: MIT
// How the predictor and the latents look while an encoder is trained.
#pragma once

#include "lanes.hpp"

#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
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

inline auto look_at(matrix const& p, matrix const& z1, matrix const& z2, long step) -> snapshot {
  auto const wide = p.cast<double>().eval();
  auto const gram = (wide.transpose() * wide).eval();
  auto sigma = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>{gram, Eigen::EigenvaluesOnly}
                   .eigenvalues()
                   .cwiseMax(0)
                   .cwiseSqrt()
                   .eval();
  auto const f = static_cast<double>(p.rows()), top = std::max(sigma.maxCoeff(), 1e-300), sum = sigma.sum();
  auto s = selfpred::statistics<matrix>{};
  s.add(z1, z2);
  auto const c = s.compute();
  auto l = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>{c.s.cast<double>(), Eigen::EigenvaluesOnly}
               .eigenvalues()
               .cwiseMax(0)
               .eval();
  auto const at = [&](double q) { return l(static_cast<Index>(q * (f - 1) + 0.5)) / std::max(l.maxCoeff(), 1e-300); };
  auto const d = (l.cwiseSqrt() / std::max(l.cwiseSqrt().sum(), 1e-300)).array().max(1e-12).eval();
  return {step,
          sigma.squaredNorm() / (f * top * top),
          wide.trace() / (f * top),
          std::sqrt(std::max(0.0, 1 - sum * sum / (f * sigma.squaredNorm()))),
          at(0.25),
          at(0.5),
          at(0.75),
          std::exp(-(d * d.log()).sum())};
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
