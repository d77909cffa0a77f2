// SPDX-License-Identifier: MIT
// kernels.bench.cpp: the products and factorisations below everything else. Limits: their operations, one triangle where
// the result is symmetric, at the peak of multiply-adds. "per product" has whole products of the size as peers, another
// task: its ratio is how many inverses fit into one.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ops.hpp>

#include "data.hpp"
#include "suite.hpp"
#include "twins.hpp"

namespace {

using bench::matrix;
using Eigen::Index;
using selfpred::op;

template <class S>
constexpr double tolerance = sizeof(S) == 4 ? 1e-4 : 1e-11;
template <class S>
using shared = std::shared_ptr<matrix<S>>;
template <class S>
shared<S> keep(matrix<S> x) {
  return std::make_shared<matrix<S>>(std::move(x));
}
double cube(Index f) { return std::pow(static_cast<double>(f), 3); }

// `run` writes y, and nothing else that the others read.
template <class S, class Run>
void enter(bench::comparison& c, std::string const& name, shared<S> const& y, Run run, bool same_kernel = false) {
  c.variants.push_back({name, run, [=] { return bench::values(*y); }, same_kernel});
}

template <class S>
bench::comparison inverse(Index f, bool per_product) {
  bench::comparison c;
  c.tolerance = tolerance<S>;
  auto const a = keep<S>(bench::moments<S>(f, 1, 0.3)), y = keep<S>(*a), z = keep<S>(*a);
  enter<S>(c, "ours", y, [=] { selfpred::spd_inverse(*a, *y); });  // on hosts x stays as it was
  c.limit = bench::fma_peak<S>(cube(f));
  if (per_product) {  // their result is ours: nothing to compare
    enter<S>(c, "Eigen product", y, [=] { bench::by_eigen::multiply(*a, *a, *z); });
#ifdef SELFPRED_BENCH_BLAS
    enter<S>(c, bench::blas::name() + " gemm", y, [=] { bench::by_gemm::multiply(*a, *a, *z); });
#endif
    return c;
  }
  enter<S>(c, "Eigen LLT", z, [=] { *z = a->llt().solve(matrix<S>::Identity(f, f)); });
#ifdef SELFPRED_BENCH_BLAS
  if (auto const w = keep<S>(*a); bench::blas::has_lapack())
    enter<S>(c, bench::blas::name() + " potrf+potri", w, [=] {
      *w = *a;
      bench::blas::inverse(*w);
      bench::mirror(*w);
    });
#endif
  return c;
}

template <class S>
bench::comparison covariance(Index b, Index f) {
  bench::comparison c;
  c.tolerance = tolerance<S>;
  auto const z = keep<S>(bench::latents<S>(b, f, 1));
  S const scale = 1 / static_cast<S>(b);
  auto const result = [f] { return keep<S>(matrix<S>(f, f)); };
  auto const s = result(), product = result(), update = result();
  enter<S>(c, "ours", s,
           [=] { selfpred::gemm_symmetric(static_cast<double>(scale), *z, op::transpose, *z, op::none, 0.0, *s); });
  enter<S>(c, "Eigen Z^T Z", product, [=] { product->noalias() = scale * z->transpose() * *z; });
  enter<S>(c, "Eigen rankUpdate", update, [=] {
    update->setZero();
    update->template selfadjointView<Eigen::Lower>().rankUpdate(z->transpose(), scale);
    bench::mirror(*update);
  });
#ifdef SELFPRED_BENCH_BLAS
  auto const g = result(), k = result();
  enter<S>(c, bench::blas::name() + " gemm", g, [=] { bench::blas::gemm(scale, *z, 'T', *z, 'N', S(0), *g); });
  enter<S>(c, bench::blas::name() + " syrk", k, [=] {
    bench::blas::syrk(scale, *z, S(0), *k);
    bench::mirror(*k);
  });
#endif
  c.limit = bench::fma_peak<S>(static_cast<double>(b) * static_cast<double>(f * (f + 1)));
  return c;
}

// The ordinary product, b x f by f x f. With products by BLAS ours is one call of the peer's, and tells nothing of ours.
template <class S>
bench::comparison product(Index b, Index f) {
  bench::comparison c;
  c.tolerance = tolerance<S>;
  auto const x = keep<S>(bench::latents<S>(b, f, 1)), y = keep<S>(bench::latents<S>(f, f, 2));
  auto const z = keep<S>(*x), by_eigen = keep<S>(*x);
  enter<S>(c, "ours", z, [=] { selfpred::gemm(1.0, *x, op::none, *y, op::none, 0.0, *z); });
  if (!bench::products_by_blas)
    enter<S>(c, "Eigen product", by_eigen, [=] { bench::by_eigen::multiply(*x, *y, *by_eigen); });
#ifdef SELFPRED_BENCH_BLAS
  auto const g = keep<S>(*x);
  enter<S>(
      c, bench::blas::name() + " gemm", g, [=] { bench::by_gemm::multiply(*x, *y, *g); }, bench::products_by_blas);
#endif
  c.limit = bench::fma_peak<S>(2 * static_cast<double>(b) * static_cast<double>(f * f));
  return c;
}

template <class S>
bench::comparison symmetric_product(Index f) {
  bench::comparison c;
  c.tolerance = tolerance<S>;
  auto const x = keep<S>(bench::moments<S>(f, 1)), y = keep<S>(*x * *x);
  auto const z = keep<S>(*x), by_eigen = keep<S>(*x);
  enter<S>(c, "ours", z, [=] { selfpred::gemm_symmetric(1.0, *x, op::none, *y, op::none, 0.0, *z); });
  enter<S>(c, "Eigen product", by_eigen, [=] { bench::by_eigen::multiply(*x, *y, *by_eigen); });
#ifdef SELFPRED_BENCH_BLAS
  auto const g = keep<S>(*x);
  enter<S>(c, bench::blas::name() + " gemm", g, [=] { bench::by_gemm::multiply(*x, *y, *g); });
#endif
  c.limit = bench::fma_peak<S>(static_cast<double>(f) * static_cast<double>(f * (f + 1)));
  return c;
}

template <class S>
bench::comparison solve(Index f) {
  bench::comparison c;
  c.tolerance = tolerance<S>;
  auto const a = keep<S>(bench::moments<S>(f, 1, 0.3)), b = keep<S>(bench::moments<S>(f, 2, 0.3));
  auto const x = keep<S>(*a), y = keep<S>(*b), z = keep<S>(*b);
  enter<S>(c, "ours", y, [=] {
    *x = *a, *y = *b;
    selfpred::spd_solve(*x, *y);
  });
  enter<S>(c, "Eigen LLT", z, [=] { *z = a->llt().solve(*b); });
#ifdef SELFPRED_BENCH_BLAS
  if (auto const w = keep<S>(*b); bench::blas::has_lapack())
    enter<S>(c, bench::blas::name() + " posv", w, [=] {
      *x = *a, *w = *b;
      bench::blas::posv(*x, *w);
    });
#endif
  c.limit = bench::fma_peak<S>(7.0 / 3.0 * cube(f));
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("kernels", argc, argv);
  auto const add = [&](std::string const& name, Index f, auto single, auto twice) {
    suite.add(name + " " + std::to_string(f), single);
    if (f == 256 || f == 512) suite.add(name + " " + std::to_string(f) + " double", twice);
  };
  for (Index f : {64, 256, 512, 2048}) {
    add(
        "spd_inverse", f, [=] { return inverse<float>(f, false); }, [=] { return inverse<double>(f, false); });
    add(
        "spd_inverse per product", f, [=] { return inverse<float>(f, true); },
        [=] { return inverse<double>(f, true); });
    add(
        "spd_solve", f, [=] { return solve<float>(f); }, [=] { return solve<double>(f); });
    if (f < 2048)
      add(
          "symmetric product", f, [=] { return symmetric_product<float>(f); },
          [=] { return symmetric_product<double>(f); });
  }
  for (auto const& [b, f] :
       {std::pair<Index, Index>{4096, 64}, {1024, 256}, {4096, 256}, {1024, 512}, {4096, 512}, {4096, 2048}})
    suite.add("covariance " + std::to_string(b) + "x" + std::to_string(f), [=] { return covariance<float>(b, f); });
  for (auto const& [b, f] :
       {std::pair<Index, Index>{64, 64}, {4096, 64}, {256, 256}, {1024, 256}, {512, 512}, {1024, 512}}) {
    std::string const name = "product " + std::to_string(b) + "x" + std::to_string(f);
    suite.add(name, [=] { return product<float>(b, f); });
    if (b == 1024) suite.add(name + " double", [=] { return product<double>(b, f); });
  }
  for (Index f : {256, 512})
    suite.add("covariance 1024x" + std::to_string(f) + " double", [=] { return covariance<double>(1024, f); });
  return suite.finish();
}
