// SPDX-License-Identifier: MIT
// predictor.bench.cpp: from S (and X) to P. Limits, at the peak of multiply-adds: 24 whole products of the recursion, three
// inverses of f^3 for the other roots, 7/3 f^3 for linear regression; DirectCopy: reading S and P once.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/host/eigh.hpp>
#include <selfpred/linalg/sample_side.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/direct_pred.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>

#ifdef SELFPRED_BENCH_TORCH
#include <torch/torch.h>
#endif

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
  /// What an error of 1 in every eigenvalue, in units of sqrt(||S||), is of the norm of a root.
  double root_units() const {
    return std::sqrt(static_cast<double>(s.rows()) * static_cast<double>(s.norm() / s.trace()));
  }
  selfpred::covariances<bench::matrix<S>> covariances() const { return {s, x, 1, 1, 4 * s.rows(), 4 * s.rows()}; }
};

template <class S, class Rule>
bench::comparison ours(std::shared_ptr<problem<S>> const& k, Rule rule) {
  bench::comparison c;
  c.variants.push_back({"ours", [=] { rule(k->covariances(), k->work, k->p); }, [=] { return bench::values(k->p); }});
  return c;
}
double cube(Index f) { return std::pow(static_cast<double>(f), 3); }

// Ours by sums of inverses to a tolerance, and by the recursion with half of its trivial products gone; the peers are
// the recursion as the paper writes it. All agree to the tolerance, in units of sqrt(||S||).
template <class S>
bench::comparison newton_schulz(Index f, selfpred::evaluation how, double tolerance) {
  auto const k = std::make_shared<problem<S>>(f, 0.03);
  auto c = ours(k, selfpred::newton_schulz{.iterations = 9, .evaluate = how});
  c.tolerance = tolerance * k->root_units();
  auto const twin = [&](std::string const& name, auto recursion) {
    auto const run = std::make_shared<decltype(recursion)>();
    auto const p = std::make_shared<bench::matrix<S>>();
    c.variants.push_back({name, [=] { (*run)(k->s, 9, *p); }, [=] { return bench::values(*p); }});
  };
  twin("Eigen literal", bench::newton_schulz_twin<bench::by_eigen, S>{});
#ifdef SELFPRED_BENCH_BLAS
  twin(bench::blas::name() + " literal", bench::newton_schulz_twin<bench::by_gemm, S>{});
#endif
  c.limit = bench::fma_peak<S>((how == selfpred::evaluation::iteration() ? 24 * 2 : 3) * cube(f));
  return c;
}

// A rule whose literal recursion is a twin of n iterations.
template <template <class> class Twin, class Rule>
bench::comparison recursion(Index f, Rule rule, int n, double tolerance) {
  auto const k = std::make_shared<problem<float>>(f, 0.03);
  auto c = ours(k, rule);
  c.tolerance = tolerance * k->root_units();
  auto const twin = [&](std::string const& name, auto literal) {
    auto const run = std::make_shared<decltype(literal)>();
    auto const p = std::make_shared<matrix_f>();
    c.variants.push_back({name, [=] { (*run)(k->s, n, *p); }, [=] { return bench::values(*p); }});
  };
  twin("Eigen literal", Twin<bench::by_eigen>{});
#ifdef SELFPRED_BENCH_BLAS
  twin(bench::blas::name() + " literal", Twin<bench::by_gemm>{});
#endif
  c.limit = bench::fma_peak<float>(3 * cube(f));
  return c;
}

// The exact root. Peers: eigendecompositions, V sqrt(l) V^T.
template <class S>
bench::comparison square_root(Index f, selfpred::evaluation how, double tolerance) {
  using matrix = bench::matrix<S>;
  auto const k = std::make_shared<problem<S>>(f, 0.03);
  auto c = ours(k, selfpred::direct_pred{.evaluate = how});
  c.tolerance = tolerance * k->root_units();
  auto const solver = std::make_shared<Eigen::SelfAdjointEigenSolver<matrix>>(f);
  auto const p = std::make_shared<matrix>(f, f), left = std::make_shared<matrix>(f, f);
  c.variants.push_back({"Eigen SelfAdjointEigenSolver",
                        [=] {
                          solver->compute(k->s);
                          *left = solver->eigenvectors() * solver->eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal();
                          p->noalias() = *left * solver->eigenvectors().transpose();
                        },
                        [=] { return bench::values(*p); }});
#ifdef SELFPRED_BENCH_BLAS
  if (bench::blas::has_syevd()) {
    struct scratch {
      matrix v, left, p;
      Eigen::Matrix<S, Eigen::Dynamic, 1> l;
      std::vector<S> work;
      std::vector<int> integers;
    };
    auto const r = std::make_shared<scratch>();
    r->p.resize(f, f);
    c.variants.push_back({bench::blas::name() + (sizeof(S) == 4 ? " ssyevd" : " dsyevd"),
                          [=] {
                            r->v = k->s;
                            bench::blas::syevd(r->v, r->l, r->work, r->integers);
                            r->left = r->v * r->l.cwiseMax(0).cwiseSqrt().asDiagonal();
                            bench::by_gemm::multiply_transposed(r->left, r->v, r->p);
                          },
                          [=] { return bench::values(r->p); }});
  }
#endif
#ifdef SELFPRED_BENCH_TORCH
  struct tensors {
    torch::Tensor s, p;
  };
  auto const t = std::make_shared<tensors>(
      tensors{torch::from_blob(k->s.data(), {f, f}, torch::CppTypeToScalarType<S>::value), {}});
  at::set_num_threads(1);
  c.variants.push_back({"libtorch eigh",
                        [=] {
                          torch::NoGradGuard const guard;
                          auto const [l, v] = torch::linalg_eigh(t->s);
                          t->p = torch::matmul(v * l.clamp_min(0).sqrt(), v.t());
                        },
                        [=] {
                          matrix const r = Eigen::Map<matrix const>(t->p.contiguous().template data_ptr<S>(), f, f);
                          return bench::values(r);
                        }});
#endif
  c.limit = bench::fma_peak<S>(3 * cube(f));
  return c;
}

// From latents of fewer rows than features to Q = Z P: on the side of the rows, against S, the literal recursion and the
// product. With rho the EMA of P is kept, and P is made; with rho = 0 neither S nor P is.
template <template <class> class Twin, class Rule>
bench::comparison few_rows(Index b, Index f, Rule rule, int iterations, bool averaged, double tolerance) {
  struct state {
    matrix_f z, q, p, average, s, applied;
    selfpred::linalg::sample_side<matrix_f> side;
    selfpred::workspace<matrix_f> work;
    matrix_f u;
    Twin<bench::by_eigen> by_eigen;
#ifdef SELFPRED_BENCH_BLAS
    Twin<bench::by_gemm> by_gemm;
#endif
  };
  rule.evaluate = selfpred::evaluation::gram(tolerance);
  auto const k = std::make_shared<state>();
  k->z = bench::latents(b, f, 1), k->q.resize(b, f), k->p.resize(f, f), k->s.resize(f, f), k->u.resize(b, b);
  k->average = bench::moments(f, 2);
  bench::comparison c;
  c.tolerance = 10 * tolerance;
  // Each variant starts from the same average, and leaves it as it is.
  auto const blend = [=] { k->applied = 0.99F * k->average + 0.01F * k->p; };
  auto const enter = [&](std::string const& name, std::function<void()> const& run) {
    c.variants.push_back({name, run, [=] { return bench::values(k->q); }});
  };
  enter("ours", [=] {
    using selfpred::op;
    k->side.refresh(k->z, k->u, k->work,
                    [&](matrix_f const& gram, auto& work, matrix_f& u) { return rule.of_samples(gram, f, work, u); });
    if (!averaged) return k->side.apply_along(k->side.gram(k->work), 1, k->z, 0, k->q, k->work);
    k->side.matrix(k->p, k->work);
    blend();
    selfpred::gemm(1.0, k->z, op::none, k->applied, op::none, 0.0, k->q);
  });
  auto const literal = [=](auto products, auto& recursion) {
    using P = decltype(products);
    P::covariance(k->z, k->s);
    recursion(k->s, iterations, k->p);
    if (averaged) blend();
    P::multiply(k->z, averaged ? k->applied : k->p, k->q);
  };
  if (f < 2048) enter("Eigen literal", [=] { literal(bench::by_eigen{}, k->by_eigen); });
#ifdef SELFPRED_BENCH_BLAS
  enter(bench::blas::name() + " literal", [=] { literal(bench::by_gemm{}, k->by_gemm); });
#endif
  auto const n = static_cast<double>(b), m = static_cast<double>(f);
  c.limit = bench::fma_peak<float>(averaged ? 3 * n * n * m + 3 * n * m * m : 7 * n * n * m);
  return c;
}

template <class S>
bench::comparison linear_regression(Index f) {
  auto const k = std::make_shared<problem<S>>(f, 0.3);
  auto c = ours(k, selfpred::linear_regression{});
  auto const p = std::make_shared<bench::matrix<S>>();
  c.variants.push_back({"Eigen LLT", [=] { *p = k->s.llt().solve(k->x); }, [=] { return bench::values(*p); }});
#ifdef SELFPRED_BENCH_BLAS
  if (bench::blas::has_lapack()) {
    auto const a = std::make_shared<bench::matrix<S>>(), y = std::make_shared<bench::matrix<S>>();
    c.variants.push_back({bench::blas::name() + (sizeof(S) == 4 ? " sposv" : " dposv"),
                          [=] {
                            *a = k->s, *y = k->x;
                            bench::blas::posv(*a, *y);
                          },
                          [=] { return bench::values(*y); }});
  }
#endif
  c.limit = bench::fma_peak<S>(7.0 / 3.0 * cube(f));
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
  using selfpred::evaluation;
  for (Index f : {64, 256, 512, 2048}) {
    std::string const name = "newton_schulz 9 f=" + std::to_string(f);
    for (double const tolerance : {3e-4, 1e-5})
      suite.add(name + (tolerance > 1e-4 ? " to 3e-4" : " to 1e-5"),
                [=] { return newton_schulz<float>(f, evaluation::rational(tolerance), tolerance); });
    if (f < 2048)
      suite.add(name + " recursion", [=] { return newton_schulz<float>(f, evaluation::iteration(), 1e-4); });
  }
  for (Index f : {256, 512}) {
    suite.add("newton_schulz 9 f=" + std::to_string(f) + " double to 1e-5",
              [=] { return newton_schulz<double>(f, evaluation::rational(1e-5), 1e-5); });
    std::string const size = " f=" + std::to_string(f);
    suite.add("newton_schulz 7 + 7" + size + " to 1e-4", [=] {
      selfpred::newton_schulz const rule{.iterations = 7, .stages = 2, .evaluate = evaluation::rational(1e-4)};
      return recursion<bench::newton_schulz_squared_twin>(f, rule, 7, 1e-4);
    });
    suite.add("stiefel 9" + size + " to 1e-4", [=] {
      return recursion<bench::stiefel_twin>(f, selfpred::stiefel{.evaluate = evaluation::rational(1e-4)}, 9, 1e-4);
    });
    suite.add("visser 50" + size + " to 1e-5", [=] {
      return recursion<bench::visser_twin>(f, selfpred::visser{.evaluate = evaluation::rational(1e-5)}, 50, 1e-5);
    });
  }
  for (Index f : {256, 512, 2048}) {
    std::string const name = "square root f=" + std::to_string(f);
    suite.add(name + " to 5e-4", [=] { return square_root<float>(f, evaluation::rational(5e-4), 5e-4); });
    suite.add(name, [=] { return square_root<float>(f, evaluation::automatic(), 1e-4); });
    if (f == 2048) continue;
    suite.add(name + " by eigenvalues", [=] { return square_root<float>(f, evaluation::iteration(), 1e-4); });
    suite.add(name + " by eigenvalues double", [=] { return square_root<double>(f, evaluation::iteration(), 1e-12); });
  }
  for (Index f : {512, 2048})
    for (bool const averaged : {false, true})
      suite.add("256 rows f=" + std::to_string(f) + (averaged ? " with EMA of P" : " to Q") + " to 3e-4", [=] {
        return few_rows<bench::newton_schulz_twin>(256, f, selfpred::newton_schulz{}, 9, averaged, 3e-4);
      });
  suite.add("256 rows f=512 newton_schulz 7 + 7 to Q to 1e-4", [] {
    return few_rows<bench::newton_schulz_squared_twin>(256, 512, selfpred::newton_schulz{7, 2}, 7, false, 1e-4);
  });
  suite.add("256 rows f=512 stiefel 9 to Q to 1e-4",
            [] { return few_rows<bench::stiefel_twin>(256, 512, selfpred::stiefel{}, 9, false, 1e-4); });
  for (Index f : {64, 256, 512}) {
    suite.add("linear_regression f=" + std::to_string(f), [=] { return linear_regression<float>(f); });
    suite.add("linear_regression f=" + std::to_string(f) + " double", [=] { return linear_regression<double>(f); });
  }
  for (Index f : {64, 256, 512}) suite.add("direct_copy f=" + std::to_string(f), [=] { return direct_copy(f); });
  return suite.finish();
}
