// SPDX-License-Identifier: MIT
// statistics.bench.cpp: S = (Z1^T Z1 + Z2^T Z2) / (2 b) of two views. Limit: one triangle at the peak of multiply-adds.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/statistics.hpp>

#include "data.hpp"
#include "suite.hpp"
#include "twins.hpp"

namespace {

using bench::matrix_f;
using Eigen::Index;

bench::comparison two_views(Index b, Index f) {
  auto const z1 = std::make_shared<matrix_f>(bench::latents(b, f, 1));
  auto const z2 = std::make_shared<matrix_f>(bench::latents(b, f, 2));
  auto const ours = std::make_shared<selfpred::statistics<matrix_f>>();
  bench::comparison c;
  c.variants.push_back({"ours",
                        [=] {
                          ours->clear();
                          ours->add(*z1, *z2);
                          ours->compute();
                        },
                        [=] { return bench::values(ours->compute().s); }});
  auto const twin = [&](std::string const& name, auto products) {
    auto const s = std::make_shared<matrix_f>(f, f);
    c.variants.push_back(
        {name, [=] { decltype(products)::covariance(*z1, *z2, *s); }, [s] { return bench::values(*s); }});
  };
  twin("Eigen Z^T Z", bench::by_eigen{});
  twin("Eigen rankUpdate", bench::by_eigen_rank_update{});
#ifdef SELFPRED_BENCH_BLAS
  twin(bench::blas::name() + " sgemm", bench::by_gemm{});
  twin(bench::blas::name() + " ssyrk", bench::by_syrk{});
#endif
  c.limit = bench::fma_peak<float>(2.0 * static_cast<double>(b) * static_cast<double>(f * (f + 1)));
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("statistics", argc, argv);
  for (auto const& [b, f] : {std::pair<Index, Index>{1024, 64}, {4096, 64}, {1024, 256}, {4096, 256}, {1024, 512}})
    suite.add("S " + std::to_string(b) + "x" + std::to_string(f), [=] { return two_views(b, f); });
  return suite.finish();
}
