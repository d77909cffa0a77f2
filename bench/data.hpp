// SPDX-License-Identifier: MIT
// Inputs of the benchmarks, and what is compared of the outputs.
#pragma once
#include <sys/mman.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <random>
#include <vector>

namespace bench {

/// Floats on huge pages where the system has them: ours and the peers work on the same ones.
class arena {
 public:
  explicit arena(Eigen::Index n) {
    std::size_t constexpr page = std::size_t{2} << 20;
    std::size_t const bytes = (static_cast<std::size_t>(n) * sizeof(float) + page - 1) / page * page;
    memory_.reset(static_cast<float*>(std::aligned_alloc(page, bytes)));
    if (!memory_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
  }
  float* data() const { return memory_.get(); }

 private:
  struct release {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, release> memory_;
};

/// Gaussian latents whose columns have standard deviations from 1 down to `least`: a spectrum to work on.
template <class S = float>
Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic> latents(Eigen::Index b, Eigen::Index f, unsigned seed,
                                                         double least = 0.1) {
  std::mt19937 bits(seed);
  std::normal_distribution<double> normal;
  Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic> z(b, f);
  for (Eigen::Index j = 0; j < f; ++j) {
    double const scale = std::pow(least, static_cast<double>(j) / static_cast<double>(f));
    for (Eigen::Index i = 0; i < b; ++i) z(i, j) = static_cast<S>(scale * normal(bits));
  }
  return z;
}

/// The second moments of such latents.
template <class S = float>
Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic> moments(Eigen::Index f, unsigned seed, double least = 0.1) {
  auto const z = latents<S>(4 * f, f, seed, least);
  return z.transpose() * z / static_cast<S>(4 * f);
}

inline std::vector<double> values(auto const&... x) {
  std::vector<double> out;
  auto const append = [&](auto const& m) {
    for (Eigen::Index j = 0; j < m.cols(); ++j)
      for (Eigen::Index i = 0; i < m.rows(); ++i) out.push_back(static_cast<double>(m(i, j)));
  };
  (append(x), ...);
  return out;
}

}  // namespace bench
