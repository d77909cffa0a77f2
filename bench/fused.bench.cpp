// SPDX-License-Identifier: MIT
// fused.bench.cpp: optimiser and EMA target in one pass, against the same two passes. Limit: reading every stream once.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/fused_update.hpp>
#include <selfpred/optimizer/adamw.hpp>
#include <selfpred/optimizer/lars.hpp>
#include <selfpred/optimizer/sgd.hpp>
#include <selfpred/schedule/constant.hpp>

#include "data.hpp"
#include "suite.hpp"

namespace {

using Eigen::Index;
using flat = Eigen::Map<Eigen::VectorXf>;

struct streams {
  bench::arena online, gradient, target;
  Index size;

  explicit streams(Index n) : online(n), gradient(n), target(n), size(n) {
    for (Index i = 0; i < n; ++i) gradient.data()[i] = 1e-3F * static_cast<float>(i % 61 - 30);
    reset();
  }
  void reset() const {
    for (Index i = 0; i < size; ++i) online.data()[i] = 1 + 0.02F * static_cast<float>(i % 89);
    for (Index i = 0; i < size; ++i) target.data()[i] = 0.01F * static_cast<float>(1 + i % 97);
  }
  std::vector<double> sample() const {
    std::vector<double> v;
    for (Index i = 0; i < size; i += 1 + size / 10007) v.push_back(static_cast<double>(target.data()[i]));
    return v;
  }
};

template <class Rule>
bench::comparison optimizer(Index n, Rule rule) {
  auto const s = std::make_shared<streams>(n);
  auto const online = std::make_shared<flat>(s->online.data(), n),
             gradient = std::make_shared<flat>(s->gradient.data(), n),
             followed = std::make_shared<flat>(s->target.data(), n);
  auto const target = std::make_shared<selfpred::ema_target<flat, selfpred::constant_momentum>>(
      *online, *followed, selfpred::constant_momentum{0.99});
  s->reset();  // a target takes the online model's values at first
  auto const update = std::make_shared<std::optional<selfpred::fused_update<Rule>>>();
  auto const start = [=] { update->emplace(rule, *online), s->reset(); };
  start();
  auto const result = [s] { return s->sample(); };
  bench::comparison c;
  c.variants.push_back({"ours", [=] { (**update)(*online, *gradient, *target); }, result});
  c.variants.push_back({"two passes", [=] { (**update)(*online, *gradient), target->update(*online); }, result});
  c.limit = bench::read_floor(s->online.data(), s->target.data(), n);
  c.limit.scale =
      (3.0 + static_cast<double>(Rule::moments)) / 2;  // streams of one size: weights, gradient, target, moments
  c.reset = start;
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("fused", argc, argv);
  for (auto const& [name, n] : {std::pair<std::string, Index>{" 1e6", 1'000'000}, {" 25e6", 25'000'000}}) {
    suite.add("sgd" + name, [n = n] { return optimizer(n, selfpred::sgd{.rate = 1e-3}); });
    suite.add("lars" + name, [n = n] { return optimizer(n, selfpred::lars{.rate = 1e-3, .adapt_vectors = true}); });
    suite.add("adamw" + name, [n = n] { return optimizer(n, selfpred::adamw{.rate = 1e-5}); });
  }
  return suite.finish();
}
