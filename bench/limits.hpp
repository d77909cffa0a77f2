// SPDX-License-Identifier: MIT
// What the machine can do at best, measured beside each case: reading two streams, and multiply-adds in registers.
#pragma once
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <functional>

namespace bench {

/// The least time of a case is scale times the time of run.
struct limit {
  std::function<void()> run;
  double scale = 1;
};

namespace detail {

template <class S>
struct packets {
  using type = typename Eigen::internal::packet_traits<S>::type;
  static constexpr Eigen::Index width = Eigen::internal::unpacket_traits<type>::size;
};

inline void read_two_streams(float const* x, float const* y, Eigen::Index n) {
  namespace ei = Eigen::internal;
  using packet = packets<float>::type;
  constexpr Eigen::Index w = packets<float>::width;
  packet s[8];
  for (auto& v : s) v = ei::pset1<packet>(0.F);
  for (Eigen::Index i = 0; i + 4 * w <= n; i += 4 * w) {
    for (Eigen::Index k = 0; k < 4; ++k) {
      s[k] = ei::padd(s[k], ei::ploadu<packet>(x + i + k * w));
      s[4 + k] = ei::padd(s[4 + k], ei::ploadu<packet>(y + i + k * w));
    }
  }
  for (auto& v : s) benchmark::DoNotOptimize(v);
}

inline constexpr int fma_rounds = 4096, fma_chains = 12;

// Twelve chains: enough to fill two units of latency 4 or 5, and few enough for sixteen registers.
template <class S>
void fma_in_registers() {
  namespace ei = Eigen::internal;
  using packet = typename packets<S>::type;
  packet const a = ei::pset1<packet>(S(0.999)), b = ei::pset1<packet>(S(0.001));
  packet s[fma_chains];
  for (auto& v : s) v = b;
  for (int i = 0; i < fma_rounds; ++i)
#pragma GCC unroll 12
    for (int k = 0; k < fma_chains; ++k) s[k] = ei::pmadd(s[k], a, b);
  packet sum = s[0];  // one result: an array that is handed on lives in memory, at half the rate
  for (int k = 1; k < fma_chains; ++k) sum = ei::padd(sum, s[k]);
  benchmark::DoNotOptimize(sum);
}

}  // namespace detail

/// For work bound by memory. An update in place writes what it has read, so reading both streams is its floor.
inline limit read_floor(float const* x, float const* y, Eigen::Index n) {
  return {[=] { detail::read_two_streams(x, y, n); }, 1};
}

/// For products: the given number of additions and multiplications at the rate of multiply-adds in registers.
template <class S>
limit fma_peak(double operations) {
  double const chunk = 2.0 * detail::fma_rounds * detail::fma_chains * static_cast<double>(detail::packets<S>::width);
  return {[] { detail::fma_in_registers<S>(); }, operations / chunk};
}

}  // namespace bench
