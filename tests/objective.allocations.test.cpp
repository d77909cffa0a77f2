// SPDX-License-Identifier: MIT
// A step in steady state asks malloc for nothing, whatever the latents are held in.
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/newton_schulz.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/latents.hpp"
#include "support/sizes.hpp"

namespace {

/// A class of somebody else, which knows nothing of Eigen or of this library.
struct activations {
  std::vector<float> values;
  std::size_t samples, channels;
};

}  // namespace

template <>
struct selfpred::tensor_traits<activations> : selfpred::shows_memory {
  static auto view(auto& a) { return view_row_major(a.values.data(), a.samples, a.channels); }
};

using namespace selfpred_tests;
using Eigen::Index;
using selfpred::make_objective;
using selfpred::newton_schulz;
using selfpred::objective_options;
using selfpred::stop_gradient;

namespace {

struct stranger {
  using scalar = float;
  using tensor = activations;
  explicit stranger(matrix_d const& x)
      : memory{std::vector<float>(static_cast<std::size_t>(x.size())), static_cast<std::size_t>(x.rows()),
               static_cast<std::size_t>(x.cols())} {
    Eigen::Map<by_rows<float>>(memory.values.data(), x.rows(), x.cols()) = x.cast<float>();
  }
  tensor const& get() const { return memory; }
  tensor memory;
};

/// Two views and two targets in one form.
template <class Form>
struct batch {
  explicit batch(views<> const& v) : z1(v.z1), z2(v.z2), t1(v.t1), t2(v.t2) {}
  batch(Index b, Index f, std::uint64_t seed) : batch(views<>(b, f, seed)) {}
  Form z1, z2, t1, t2;
};
template <class O, class Form, class... P>
double step(O& o, batch<Form> const& v, P const&... p) {
  auto const &t1 = v.t1.get(), &t2 = v.t2.get();
  return o.step(v.z1.get(), v.z2.get(), stop_gradient(t1), stop_gradient(t2), p...).loss;
}
template <class O, class Form, class... P>
double evaluate(O& o, batch<Form> const& v, P const&... p) {
  auto const &t1 = v.t1.get(), &t2 = v.t2.get();
  return o.evaluate(v.z1.get(), v.z2.get(), stop_gradient(t1), stop_gradient(t2), p...).loss;
}

template <class Form, class Rule>
long steady(Rule rule, objective_options const& options, Index b, Index f) {
  batch<Form> const v(b, f, 1), w(b, f, 2);
  auto o = make_objective<typename Form::tensor>(rule, options);
  double total = step(o, v) + evaluate(o, v);
  allocation_counter const scope;
  total += step(o, w) + step(o, v) + step(o, w) + evaluate(o, w);
  long const n = scope.count();
  CHECK(std::isfinite(total));
  return n;
}

}  // namespace

TEST_CASE("Allocations are counted at all", "[allocations]") {
  allocation_counter const scope;
  auto const x = std::make_unique<matrix_d>(100, 100);
  long const n = scope.count();
  CHECK(x->size() == 10000);
  if (selfpred_tests::counting_supported) CHECK(n >= 2);
}

TEMPLATE_TEST_CASE("From the second step on nothing is allocated, for every form", "[objective][allocations]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, mapped<double>,
                   blocked<float>, in_array<float>, with_gaps<float>, stranger) {
  for (Index const f : {8, 128}) {
    INFO("f = " << f);
    CHECK(steady<TestType>(newton_schulz{}, {.alpha = 0.3}, 512 / 4, size(f)) == 0);
  }
}

TEST_CASE("Nor at f = 256, b = 512, where Eigen's products would", "[objective][allocations]") {
  CHECK(steady<owned<by_columns<float>>>(newton_schulz{}, {.alpha = 0.3}, size(512), size(256)) == 0);
  CHECK(steady<owned<by_rows<double>>>(newton_schulz{.iterations = 3}, {.alpha = 0.3}, size(512), size(256)) == 0);
}

TEST_CASE("Nor with any rule or option", "[objective][allocations]") {
  using form = owned<by_columns<float>>;
  CHECK(steady<form>(selfpred::direct_copy{}, {}, 64, 32) == 0);
  CHECK(steady<form>(newton_schulz{}, {.update_every = 2}, 64, 32) == 0);
  CHECK(steady<form>(newton_schulz{}, {.rescale = selfpred::rescaling::frobenius}, 64, 32) == 0);
  CHECK(steady<form>(newton_schulz{}, {.rescale = selfpred::rescaling::spectral}, 64, 32) == 0);
  CHECK(steady<form>(newton_schulz{}, {.loss = {.kind = selfpred::loss_kind::squared}}, 64, 32) == 0);
  // Eigen's own Cholesky takes its buffers from malloc above 128 KiB, which begins between f = 64 and 256.
  for (Index const f : {8, 64, 256}) {
    INFO("linear_regression, f = " << f);
    CHECK(steady<form>(selfpred::linear_regression{.damping = 0.1}, {}, 64, size(f)) == 0);
  }
}

TEST_CASE("Nor when b alternates, after the first of each", "[objective][allocations]") {
  using form = owned<by_columns<double>>;
  batch<form> const whole(size(128), 32, 1), last(size(72), 32, 2);
  auto o = make_objective<matrix_d>(newton_schulz{});
  step(o, whole), step(o, last), evaluate(o, last), evaluate(o, whole);
  allocation_counter const scope;
  for (int epoch = 0; epoch < 2; ++epoch) step(o, whole), step(o, whole), step(o, last), evaluate(o, last);
  long const n = scope.count();
  CHECK(n == 0);
}

TEST_CASE("Nor in a step of the trainable predictor, or one of the caller's own sums", "[objective][allocations]") {
  using form = owned<by_columns<float>>;
  batch<form> const v(64, 32, 1);
  by_columns<float> const p = by_columns<float>::Identity(32, 32);
  auto o = make_objective<by_columns<float>>(selfpred::trainable_linear{}, {.alpha = 0.1});
  step(o, v, p), evaluate(o, v, p);
  {
    allocation_counter const scope;
    step(o, v, p), evaluate(o, v, p), step(o, v, p);
    long const n = scope.count();
    CHECK(n == 0);
  }
  auto ns = make_objective<by_columns<float>>(newton_schulz{});
  selfpred::statistics<by_columns<float>> sums;
  by_columns<float> const weights = by_columns<float>::Ones(64, 1);
  auto const accumulate_and_refresh = [&] {
    sums.clear();
    sums.add(v.z1.get(), v.z2.get());
    sums.add(v.z1.get(), v.z2.get(), weights);
    ns.refresh(sums);
    return evaluate(ns, v);
  };
  accumulate_and_refresh();
  allocation_counter const scope;
  accumulate_and_refresh();
  long const n = scope.count();
  CHECK(n == 0);
}

TEST_CASE("Scratch tensors are counted, and stop growing at the second step", "[objective][allocations]") {
  views<> const v(20, 6, 9);
  auto const settles = [&](auto rule, selfpred::objective_options const& options) {
    auto o = selfpred::make_objective<matrix_d>(rule, options);
    CHECK(o.workspace_size() == 0);
    step(o, v), step(o, v);
    selfpred::index const settled = o.workspace_size();
    CHECK(settled >= 2 * 20 * 6 + 6 * 6);  // at least the two gradients, and one P
    step(o, v);
    CHECK(o.workspace_size() == settled);
    evaluate(o, v);
    CHECK(o.workspace_size() >= settled + 2 * 20 * 6);
  };
  settles(selfpred::newton_schulz{}, {});
  settles(selfpred::linear_regression{.damping = 0.1}, {.centred = true, .per_direction = true});
}
