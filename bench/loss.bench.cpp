// SPDX-License-Identifier: MIT
// loss.bench.cpp: the loss of Q = Z P and dL/dZ = dL/dQ P^T, at once and in pieces. Limit: the two products at the peak of multiply-adds.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/loss.hpp>

#ifdef SELFPRED_BENCH_TORCH
#include <torch/torch.h>
#endif

#include "data.hpp"
#include "suite.hpp"
#include "twins.hpp"

namespace {

using bench::matrix_f;
using Eigen::Index;

struct problem {
  matrix_f z, t, p, q, dq, dz;
  double loss = 0;
  selfpred::workspace<matrix_f> work;

  problem(Index b, Index f)
      : z(bench::latents(b, f, 1)), t(bench::latents(b, f, 2)), p(bench::moments(f, 3)), q(b, f), dq(b, f), dz(b, f) {}
  void run() { loss = selfpred::linear_prediction_loss(z, p, selfpred::stop_gradient(t), dz, work); }
  void in_pieces() {
    using selfpred::op;
    selfpred::gemm(1.0, z, op::none, p, op::none, 0.0, q);
    loss = selfpred::prediction_loss(q, selfpred::stop_gradient(t), dq, work);
    selfpred::gemm(1.0, dq, op::none, p, op::transpose, 0.0, dz);
  }
};

bench::comparison with_gradient(Index b, Index f) {
  auto const k = std::make_shared<problem>(b, f);
  bench::comparison c;
  c.variants.push_back({"ours", [=] { k->run(); },
                        [=] { return bench::values(k->dz, matrix_f::Constant(1, 1, static_cast<float>(k->loss))); }});
  c.variants.push_back({"ours in pieces", [=] { k->in_pieces(); },
                        [=] { return bench::values(k->dz, matrix_f::Constant(1, 1, static_cast<float>(k->loss))); }});
  auto const twin = [&](std::string const& name, auto loss) {
    auto const run = std::make_shared<decltype(loss)>();
    auto const value = std::make_shared<matrix_f>(1, 1);
    c.variants.push_back(
        {name, [=] { (*value)(0) = (*run)(k->z, k->t, k->p); }, [=] { return bench::values(run->dz, *value); }});
  };
  twin("Eigen", bench::loss_twin<bench::by_eigen>{});
#ifdef SELFPRED_BENCH_BLAS
  twin("Eigen + " + bench::blas::name() + " sgemm", bench::loss_twin<bench::by_gemm>{});
  // Not the loss: the products alone, with our dL/dQ.
  k->in_pieces();
  auto const q = std::make_shared<matrix_f>(b, f), dz = std::make_shared<matrix_f>(b, f);
  c.variants.push_back({"only 2 " + bench::blas::name() + " sgemm",
                        [=] {
                          bench::by_gemm::multiply(k->z, k->p, *q);
                          bench::by_gemm::multiply_transposed(k->dq, k->p, *dz);
                        },
                        [=] { return bench::values(*dz, matrix_f::Constant(1, 1, static_cast<float>(k->loss))); }});
#endif
#ifdef SELFPRED_BENCH_TORCH
  struct graph {
    torch::Tensor z, t, p, loss;
  };
  auto const by_columns = [](matrix_f& m) { return torch::from_blob(m.data(), {m.cols(), m.rows()}).t().contiguous(); };
  auto const g =
      std::make_shared<graph>(graph{by_columns(k->z).set_requires_grad(true), by_columns(k->t), by_columns(k->p), {}});
  at::set_num_threads(1);
  c.variants.push_back({"libtorch autograd",
                        [=] {
                          g->z.mutable_grad() = torch::Tensor();
                          auto const q = torch::matmul(g->z, g->p);
                          auto const u = q / q.norm(2, 1, true), v = g->t / g->t.norm(2, 1, true);
                          g->loss = (u - v).pow(2).sum() / static_cast<double>(g->z.size(0));
                          g->loss.backward();
                        },
                        [=] {
                          torch::Tensor const d = g->z.grad().t().contiguous();
                          matrix_f const dz = Eigen::Map<matrix_f const>(d.data_ptr<float>(), b, f);
                          return bench::values(dz, matrix_f::Constant(1, 1, g->loss.item<float>()));
                        }});
#endif
  c.limit = bench::fma_peak<float>(4.0 * static_cast<double>(b) * static_cast<double>(f * f));
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("loss", argc, argv);
  for (auto const& [b, f] : {std::pair<Index, Index>{4096, 64}, {1024, 256}, {1024, 512}})
    suite.add("loss and gradient " + std::to_string(b) + "x" + std::to_string(f), [=] { return with_gradient(b, f); });
  return suite.finish();
}
