// SPDX-License-Identifier: MIT
// predictor.bench.cpp: from S (and X) to P. Limits: Newton-Schulz, 24 whole products; linear regression, 7/3 f^3;
// both at the peak of multiply-adds; DirectCopy, reading S and P once.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/newton_schulz.hpp>

#include "data.hpp"
#include "suite.hpp"
#include "twins.hpp"

namespace {

using bench::matrix_f;
using Eigen::Index;

template <class S>
struct problem {
  bench::matrix<S> s, x, p;
  selfpred::workspace<bench::matrix<S>> work;

  problem(Index f, double least) : s(bench::moments<S>(f, 1, least)), x(bench::moments<S>(f, 2, least)), p(f, f) {}
  selfpred::covariances<bench::matrix<S>> covariances() const { return {s, x, 1, 1, 4 * s.rows()}; }
};

template <class S, class Rule>
bench::comparison ours(std::shared_ptr<problem<S>> const& k, Rule rule) {
  bench::comparison c;
  c.variants.push_back({"ours", [=] { rule(k->covariances(), k->work, k->p); }, [=] { return bench::values(k->p); }});
  return c;
}
double cube(Index f) { return std::pow(static_cast<double>(f), 3); }

template <class S>
bench::comparison newton_schulz(Index f) {
  auto const k = std::make_shared<problem<S>>(f, 0.03);
  auto c = ours(k, selfpred::newton_schulz{.iterations = 9});
  auto const twin = [&](std::string const& name, auto recursion) {
    auto const run = std::make_shared<decltype(recursion)>();
    auto const p = std::make_shared<bench::matrix<S>>();
    c.variants.push_back({name, [=] { (*run)(k->s, 9, *p); }, [=] { return bench::values(*p); }});
  };
  twin("Eigen literal", bench::newton_schulz_twin<bench::by_eigen, S>{});
  twin("Eigen 24 products", bench::newton_schulz_twin<bench::by_eigen, S, true>{});
  c.variants.back().same_kernel = true;
#ifdef SELFPRED_BENCH_BLAS
  twin(bench::blas::name() + " literal", bench::newton_schulz_twin<bench::by_gemm, S>{});
#endif
  c.limit = bench::fma_peak<S>(24 * 2 * cube(f));
  return c;
}

bench::comparison linear_regression(Index f) {
  auto const k = std::make_shared<problem<float>>(f, 0.3);
  auto c = ours(k, selfpred::linear_regression{});
  auto const p = std::make_shared<matrix_f>();
  c.variants.push_back({"Eigen LLT", [=] { *p = k->s.llt().solve(k->x); }, [=] { return bench::values(*p); }});
#ifdef SELFPRED_BENCH_BLAS
  if (bench::blas::has_lapack()) {
    auto const a = std::make_shared<matrix_f>(), y = std::make_shared<matrix_f>();
    c.variants.push_back({bench::blas::name() + " sposv",
                          [=] {
                            *a = k->s, *y = k->x;
                            bench::blas::posv(*a, *y);
                          },
                          [=] { return bench::values(*y); }});
  }
#endif
  c.limit = bench::fma_peak<float>(7.0 / 3.0 * cube(f));
  return c;
}

bench::comparison direct_copy(Index f) {
  auto const k = std::make_shared<problem<float>>(f, 0.1);
  auto c = ours(k, selfpred::direct_copy{});
  auto const p = std::make_shared<matrix_f>();
  c.variants.push_back({"Eigen assignment", [=] { *p = k->s; }, [=] { return bench::values(*p); }});
  c.limit = bench::read_floor(k->s.data(), k->p.data(), f * f);
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("predictor", argc, argv);
  for (Index f : {64, 256, 512})
    suite.add("newton_schulz 9 f=" + std::to_string(f), [=] { return newton_schulz<float>(f); });
  suite.add("newton_schulz 9 f=256 double", [] { return newton_schulz<double>(256); });
  for (Index f : {64, 256, 512})
    suite.add("linear_regression f=" + std::to_string(f), [=] { return linear_regression(f); });
  for (Index f : {64, 256, 512}) suite.add("direct_copy f=" + std::to_string(f), [=] { return direct_copy(f); });
  return suite.finish();
}
