// SPDX-License-Identifier: MIT
// ema.bench.cpp: updates of an EMA target. Limit: reading both streams once.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

#include "data.hpp"
#include "suite.hpp"

namespace {

using Eigen::Index;
using flat = Eigen::Map<Eigen::VectorXf>;
constexpr float tau = 0.99F;

[[gnu::noinline]] void naive(float* t, float const* w, Index n) {
  for (Index i = 0; i < n; ++i) t[i] = tau * t[i] + (1 - tau) * w[i];
}

struct streams {
  bench::arena online, target;
  Index size;

  // No zeros: an average that decays to one ends in denormal numbers, which are slow.
  explicit streams(Index n) : online(n), target(n), size(n) {
    for (Index i = 0; i < n; ++i) online.data()[i] = 1 + 0.02F * static_cast<float>(i % 89);
    reset();
  }
  void reset() const {
    for (Index i = 0; i < size; ++i) target.data()[i] = 0.01F * static_cast<float>(i % 97);
  }
  std::vector<double> sample() const {
    std::vector<double> v;
    for (Index i = 0; i < size; i += 1 + size / 10007) v.push_back(static_cast<double>(target.data()[i]));
    v.push_back(static_cast<double>(target.data()[size - 1]));
    return v;
  }
};

// Sizes as networks have them: two thirds are biases and scales of 64 to 2048, the rest weights over a wide range.
std::vector<Index> sizes_of(Index total, Index count) {
  if (count == 1) return {total};
  std::vector<Index> sizes;
  Index used = 0;
  for (Index i = 0; i < 2 * count / 3; ++i) {
    Index const wanted = Index{64} << (i % 6);
    sizes.push_back(used + wanted <= total / 3 ? wanted : std::max<Index>(1, total / (6 * count)));
    used += sizes.back();
  }
  Index const rest = total - used, weights = count - static_cast<Index>(sizes.size());
  double sum = 0;
  auto const weight = [](Index i) { return std::pow(1.0 + static_cast<double>(i % 16), 1.5); };
  for (Index i = 0; i < weights; ++i) sum += weight(i);
  for (Index i = 0; i < weights; ++i) {
    auto const size = static_cast<Index>(static_cast<double>(rest) * weight(i) / sum);
    sizes.push_back(std::max<Index>(1, i + 1 < weights ? size : total - used));
    used += sizes.back();
  }
  return sizes;
}

// `count` tensors of `total` floats, one after the other in two arrays; a flat array is the model of one tensor.
template <bool is_flat>
bench::comparison tensors(Index total, Index count) {
  auto const s = std::make_shared<streams>(total);
  auto const online = std::make_shared<std::vector<flat>>(), target = std::make_shared<std::vector<flat>>();
  Index at = 0;
  for (Index n : sizes_of(total, count)) {
    online->emplace_back(s->online.data() + at, n);
    target->emplace_back(s->target.data() + at, n);
    at += n;
  }
  auto const ours = [&] {
    if constexpr (is_flat)
      return std::make_shared<selfpred::ema_target<flat, selfpred::constant_momentum>>(
          (*online)[0], (*target)[0], selfpred::constant_momentum{static_cast<double>(tau)});
    else
      return std::make_shared<selfpred::ema_target<std::vector<flat>, selfpred::constant_momentum>>(
          *online, *target, selfpred::constant_momentum{static_cast<double>(tau)});
  }();
  auto const result = [s] { return s->sample(); };
  auto const each = [=](auto update) {
    return [=] {
      for (std::size_t i = 0; i < online->size(); ++i) update((*target)[i], (*online)[i]);
    };
  };
  bench::comparison c;
  c.variants.push_back({"ours",
                        [=] {
                          if constexpr (is_flat)
                            ours->update((*online)[0]);
                          else
                            ours->update(*online);
                        },
                        result});
  c.variants.push_back(
      {"naive loop", each([](flat& t, flat const& w) { naive(t.data(), w.data(), t.size()); }), result});
  c.variants.push_back({"Eigen expression", each([](flat& t, flat const& w) { t = tau * t + (1 - tau) * w; }), result});
#ifdef SELFPRED_BENCH_BLAS
  if (bench::blas::has_axpby())
    c.variants.push_back(
        {bench::blas::name() + " saxpby",
         each([](flat& t, flat const& w) { bench::blas::axpby(t.size(), 1 - tau, w.data(), tau, t.data()); }), result});
#endif
  c.limit = bench::read_floor(s->online.data(), s->target.data(), total);
  c.reset = [s] { s->reset(); };
  return c;
}

// One type for both orders, as a model needs: strides are known at run time.
bench::comparison mixed_orders(Index n) {
  using any_order = Eigen::Map<Eigen::MatrixXf, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
  using row_major = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> const>;
  auto const s = std::make_shared<streams>(n * n);
  any_order const online(s->online.data(), n, n, {1, n}), target(s->target.data(), n, n, {n, 1});
  auto const ours = std::make_shared<selfpred::ema_target<any_order, selfpred::constant_momentum>>(
      online, target, selfpred::constant_momentum{static_cast<double>(tau)});
  auto const result = [s] { return s->sample(); };
  bench::comparison c;
  c.variants.push_back({"ours", [=] { ours->update(online); }, result});
  c.variants.push_back({"Eigen expression",
                        [=] {
                          row_major const w(s->online.data(), n, n);
                          Eigen::Map<Eigen::MatrixXf> t(s->target.data(), n, n);
                          t = tau * t + (1 - tau) * w;
                        },
                        result});
  c.variants.push_back({"naive loop",
                        [=] {
                          float const* w = s->online.data();
                          float* t = s->target.data();
                          for (Index j = 0; j < n; ++j)
                            for (Index i = 0; i < n; ++i) t[i + j * n] = tau * t[i + j * n] + (1 - tau) * w[j + i * n];
                        },
                        result});
  c.limit = bench::read_floor(s->online.data(), s->target.data(), n * n);
  c.reset = [s] { s->reset(); };
  return c;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite suite("ema", argc, argv);
  suite.add("flat 1e4", [] { return tensors<true>(10'000, 1); });
  suite.add("flat 1e6", [] { return tensors<true>(1'000'000, 1); });
  suite.add("flat 25e6", [] { return tensors<true>(25'000'000, 1); });
  suite.add("2000 tensors 1e6", [] { return tensors<false>(1'000'000, 2000); });
  suite.add("2000 tensors 25e6", [] { return tensors<false>(25'000'000, 2000); });
  suite.add("row-major into column-major 1000x1000", [] { return mixed_orders(1000); });
  return suite.finish();
}
