// SPDX-License-Identifier: MIT
// A tensor library may have functions named like ours, as ATen has dot, clone and copy. None may be found by
// argument-dependent lookup from inside selfpred: every one below is deleted, so a call that finds it does not compile.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/catch.hpp"

namespace greedy {

struct matrix {
  std::size_t rows{}, columns{};
  std::vector<double> values;
};
struct encoder {
  matrix w, mean;
};
auto parameters(encoder& e) { return std::tie(e.w); }
auto buffers(encoder& e) { return std::tie(e.mean); }

#define GREEDY(name)               \
  template <class... A>            \
  void name(A const&...) = delete; \
  void name(matrix&) = delete;     \
  void name(matrix const&) = delete
GREEDY(accumulate);
GREEDY(accumulator);
GREEDY(add_diagonal);
GREEDY(assign);
GREEDY(average);
GREEDY(axpby);
GREEDY(clone);
GREEDY(compute);
GREEDY(copy);
GREEDY(copy_in);
GREEDY(copy_out);
GREEDY(detach);
GREEDY(dot);
GREEDY(eigenspace_alignment);
GREEDY(eigenvalues);
GREEDY(eigenvectors);
GREEDY(eigh_power);
GREEDY(exact_spectral_norm);
GREEDY(expect_rows);
GREEDY(expect_square);
GREEDY(filled);
GREEDY(finite_values);
GREEDY(frobenius_norm);
GREEDY(gemm);
GREEDY(gemm_symmetric);
GREEDY(label);
GREEDY(labelled_value);
GREEDY(latent_spectrum);
GREEDY(lerp);
GREEDY(mirror);
GREEDY(narrow);
GREEDY(newton_schulz);
GREEDY(normalize_rows);
GREEDY(normalize_rows_adjoint);
GREEDY(operand);
GREEDY(overlaps);
GREEDY(power);
GREEDY(prediction_loss);
GREEDY(rank_me);
GREEDY(reciprocal);
GREEDY(report);
GREEDY(resolution);
GREEDY(row_dots);
GREEDY(scale);
GREEDY(scale_rows);
GREEDY(shape_of);
GREEDY(singular_values);
GREEDY(spd_inverse);
GREEDY(spd_solve);
GREEDY(spectral_norm);
GREEDY(sqrt);
GREEDY(square_root);
GREEDY(stable_rank);
GREEDY(stop_gradient);
GREEDY(storage);
GREEDY(transposed);
GREEDY(value);
GREEDY(view);
GREEDY(view_dense);
GREEDY(walk);
GREEDY(walk_named);
GREEDY(walk_pairs);
#undef GREEDY

}  // namespace greedy

template <>
struct selfpred::tensor_traits<greedy::matrix> : shows_memory {
  static auto view(auto& m) { return view_row_major(m.values.data(), m.rows, m.columns); }
  static greedy::matrix filled(greedy::matrix const&, shape const& s, double v) {
    return {static_cast<std::size_t>(s.rows()), static_cast<std::size_t>(s.cols()),
            std::vector<double>(static_cast<std::size_t>(s.size()), v)};
  }
};

namespace {

greedy::matrix latents(std::size_t rows, std::size_t columns, double phase) {
  greedy::matrix m{rows, columns, std::vector<double>(rows * columns)};
  for (std::size_t i = 0; i < m.values.size(); ++i)
    m.values[i] = std::sin(phase + 1.7 * static_cast<double>(i * i % 97));
  return m;
}
auto const z1 = latents(16, 4, 0.0), z2 = latents(16, 4, 0.1), t1 = latents(16, 4, 0.2), t2 = latents(16, 4, 0.3);

template <class Rule>
void run(Rule rule) {
  auto objective =
      selfpred::make_objective<greedy::matrix>(rule, {.alpha = 0.3, .rescale = selfpred::rescaling::spectral});
  auto const r = objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2));
  CHECK(std::isfinite(r.loss));
  auto const loss = objective.evaluate(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2)).loss;
  CHECK(loss == r.loss);
  CHECK(objective.status().predictor_norm > 0);
  auto const state = objective.state();
  objective.restore(state, z1);
  CHECK(objective.state() == state);
}

}  // namespace

TEST_CASE("functions beside a tensor's type are never called") {
  run(selfpred::newton_schulz{});
  run(selfpred::direct_copy{});
  run(selfpred::direct_pred{});
  run(selfpred::linear_regression{.damping = 1e-3});
  auto trainable = selfpred::make_objective<greedy::matrix>(selfpred::trainable_linear{});
  auto const p = latents(4, 4, 0.4);
  CHECK(std::isfinite(trainable.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2), p).loss));
}

TEST_CASE("nor from the diagnostics") {
  namespace diagnostics = selfpred::diagnostics;
  selfpred::statistics<greedy::matrix> sums;
  sums.add(z1, z2);
  CHECK(diagnostics::rank_me(sums.compute()) > 1);
  auto const p = latents(4, 4, 0.4);
  CHECK(diagnostics::report(p).spectral_norm > 0);
  CHECK(diagnostics::eigenspace_alignment(p, sums.compute().s) > 0);
  diagnostics::feature_std<greedy::matrix> spread;
  spread.add(z1);
  CHECK(spread.value() > 0);
  diagnostics::hypersphere<greedy::matrix> sphere;
  sphere.add(z1, z2);
  CHECK(sphere.uniformity() < 0);
  diagnostics::lidar<greedy::matrix> told_apart;
  told_apart.add(z1, z2);
  CHECK(told_apart.value() > 0);
}

TEST_CASE("functions beside a model's type are never called, but for parameters and buffers") {
  greedy::encoder online{latents(4, 3, 0), latents(1, 3, 1)};
  selfpred::ema_target target{online, selfpred::constant_momentum{0.5}, selfpred::buffer_policy::average};
  online.w.values[0] += 2;
  target.update(online);
  CHECK(target.model().w.values[0] == online.w.values[0] - 1);
  int leaves = 0;
  selfpred::for_each_parameter(online, [&](auto const&, auto const&) { ++leaves; });
  selfpred::for_each_buffer(online, [&](auto const&, auto const&) { ++leaves; });
  CHECK(leaves == 2);
}
