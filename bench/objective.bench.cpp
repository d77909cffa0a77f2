// SPDX-License-Identifier: MIT
// objective.bench.cpp: a whole step with Newton-Schulz, n = 9. Limit: its products (one triangle of S,
// 24 for the rule, 4 for the losses) at the peak of multiply-adds; of few rows without an EMA of P one triangle of
// their Gram matrix, six inverses and 3 products a view.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/newton_schulz.hpp>

#include <optional>

#include "data.hpp"
#include "suite.hpp"
#include "twins.hpp"

namespace {

using bench::matrix_f;
using Eigen::Index;

struct batch {
  matrix_f z1, z2, t1, t2;

  batch(Index b, Index f)
      : z1(bench::latents(b, f, 1)), z2(bench::latents(b, f, 2)), t1(bench::latents(b, f, 3)),
        t2(bench::latents(b, f, 4)) {}
};

std::vector<double> outcome(double loss, matrix_f const& gradient1, matrix_f const& gradient2) {
  return bench::values(gradient1, gradient2, matrix_f::Constant(1, 1, static_cast<float>(loss)));
}

bench::variant objective_step(std::string const& name, std::shared_ptr<batch> const& k, selfpred::evaluation how,
                              double momentum) {
  auto const ours = std::make_shared<selfpred::objective<matrix_f, selfpred::newton_schulz>>(
      selfpred::newton_schulz{.iterations = 9, .evaluate = how},
      selfpred::objective_options{.alpha = 0.3, .predictor_momentum = momentum});
  auto const last = std::make_shared<std::optional<selfpred::step_result<matrix_f>>>();
  return {name,
          [=] {
            using selfpred::stop_gradient;
            last->emplace(ours->step(k->z1, k->z2, stop_gradient(k->t1), stop_gradient(k->t2)));
          },
          [=] { return outcome((*last)->loss, (*last)->gradient1, (*last)->gradient2); }};
}
template <class Step>
bench::variant twin_step(std::string const& name, std::shared_ptr<batch> const& k, Step step) {
  auto const run = std::make_shared<Step>(std::move(step));
  return {name, [=] { (*run)(k->z1, k->z2, k->t1, k->t2); },
          [=] { return outcome(static_cast<double>(run->loss), run->first.dz, run->second.dz); }};
}

bench::comparison newton_schulz_step(Index b, Index f) {
  auto const k = std::make_shared<batch>(b, f);
  bench::comparison c;
  c.variants.push_back(objective_step("ours", k, {}, 0.99));
  auto const twin = [&](std::string const& name, auto step) { c.variants.push_back(twin_step(name, k, step)); };
  twin("Eigen", bench::step_twin<bench::by_eigen>{});
  twin("Eigen 24 products + rankUpdate", bench::step_twin<bench::by_eigen_rank_update, true>{});
#ifdef SELFPRED_BENCH_BLAS
  twin("Eigen + " + bench::blas::name() + " products", bench::step_twin<bench::by_syrk>{});
#endif
  auto const bf2 = static_cast<double>(b) * static_cast<double>(f * f);
  c.limit = bench::fma_peak<float>(2 * bf2 + 48 * std::pow(static_cast<double>(f), 3) + 8 * bf2);
  return c;
}

// Two views of b rows, rho = 0. Peers: the recursion as written, ours by the recursion, and ours with an EMA of P, which
// of one batch is its P again.
bench::comparison few_rows_step(Index b, Index f) {
  auto const k = std::make_shared<batch>(b, f);
  bench::comparison c;
  c.tolerance = 1e-3;
  c.variants.push_back(objective_step("ours", k, {}, 0));
  bench::step_twin<bench::by_eigen> literal;
  literal.momentum = 0;
  c.variants.push_back(twin_step("Eigen literal", k, std::move(literal)));
  c.variants.push_back(objective_step("ours by iteration()", k, selfpred::evaluation::iteration(), 0));
  c.variants.push_back(objective_step("ours with EMA of P", k, {}, 0.99));
  auto const n = static_cast<double>(2 * b);
  c.limit = bench::fma_peak<float>(7 * n * n * static_cast<double>(f) + 6 * n * n * n);
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("objective", argc, argv);
  for (auto const& [b, f] : {std::pair<Index, Index>{256, 128}, {1024, 256}, {1024, 512}})
    suite.add("newton_schulz 9 " + std::to_string(b) + "x" + std::to_string(f),
              [=] { return newton_schulz_step(b, f); });
  for (auto const& [b, f] : {std::pair<Index, Index>{128, 512}, {128, 2048}, {256, 2048}})
    suite.add("few rows 2x" + std::to_string(b) + "x" + std::to_string(f), [=] { return few_rows_step(b, f); });
  return suite.finish();
}
