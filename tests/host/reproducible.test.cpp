// SPDX-License-Identifier: MIT
// The promise of host_products_are_reproducible: no bit depends on how many threads there are. Where it is withdrawn, the
// same run tells how many bits do.
#include <selfpred/host/solve.hpp>
#include <thread>

#include "support/dense.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;

#ifdef SELFPRED_WITH_BLAS
static_assert(!sp::host_products_are_reproducible);
extern "C" [[gnu::weak]] void openblas_set_num_threads(int);
static void let_blas_use(int threads) {
  if (openblas_set_num_threads) openblas_set_num_threads(threads);
}
#else
static_assert(sp::host_products_are_reproducible);
static void let_blas_use(int) {}
#endif

namespace {

/// Products, a solve and an inverse of one size, in one list.
template <class S>
std::vector<double> results(sp::index b, sp::index f) {
  using sp::op;
  auto const matrix = [](sp::index m, sp::index n, std::uint64_t seed) {
    sp::host_array<S> a(sp::shape(m, n));
    sp::copy_in(uniform(m, n, seed).v, a);
    return a;
  };
  std::vector<double> all;
  auto const keep = [&](sp::host_array<S> const& x) {
    for (S const v : x.values) all.push_back(static_cast<double>(v));
  };
  auto const z = matrix(b, f, 1), p = matrix(f, f, 2);
  auto q = matrix(b, f, 3), s = matrix(f, f, 4), x = s, y = s;
  sp::gemm(1.0, z, op::none, p, op::none, 0.0, q), keep(q);
  sp::gemm(1.0, z, op::transpose, q, op::none, 0.0, s), keep(s);
  sp::gemm_symmetric(1.0 / static_cast<double>(b), z, op::transpose, z, op::none, 0.0, s), keep(s);
  sp::add_diagonal(0.1, s), sp::copy(s, x);
  sp::spd_inverse(x, y), keep(y);
  sp::copy(s, x), sp::copy(p, y);
  sp::spd_solve(x, y), keep(y);
  return all;
}

std::size_t differing(std::vector<double> const& one, std::vector<double> const& other) {
  std::size_t n = one.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) n += one[i] != other[i];
  return n;
}

}  // namespace

TEMPLATE_TEST_CASE("products, solves and inverses: threads change no bit, or the promise is withdrawn", "[host]", float,
                   double) {
  for (auto const& [b, f] : {std::pair<sp::index, sp::index>{37, 13}, {size(300), size(64)}, {size(1024), size(256)}}) {
    Eigen::setNbThreads(1), let_blas_use(1);
    auto const expected = results<TestType>(b, f);
    std::size_t changed = 0;
    for (int threads : {2, 3, 4}) {
      Eigen::setNbThreads(threads), let_blas_use(threads);
      changed += differing(results<TestType>(b, f), expected);
      // the same, by as many threads of ours at once, each with buffers of its own
      std::vector<std::vector<double>> got(static_cast<std::size_t>(threads));
      std::vector<std::thread> running;
      for (auto& g : got) running.emplace_back([&, b = b, f = f] { g = results<TestType>(b, f); });
      for (auto& t : running) t.join();
      for (auto const& g : got) changed += differing(g, expected);
    }
    CAPTURE(b, f);
    if (sp::host_products_are_reproducible)
      CHECK(changed == 0);
    else if (changed > 0)
      WARN("this BLAS: " << changed << " results of " << b << " x " << f << " depend on the number of threads");
  }
  Eigen::setNbThreads(0), let_blas_use(1);
}
