// SPDX-License-Identifier: MIT
// ema.bench.cpp: updates of an EMA target. Limit: reading both streams once, with as many threads.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#ifdef _OPENMP
#include <selfpred/host/openmp.hpp>
#endif
#ifdef SELFPRED_BENCH_TORCH
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#endif

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

selfpred::ema_options on(int threads) {
#ifdef _OPENMP
  if (threads > 1) return {.threads = selfpred::openmp(threads)};
#endif
  (void)threads;
  return {};
}
bench::limit read_floor(streams const& s, int threads) {
  float const *x = s.online.data(), *y = s.target.data();
  Index const n = s.size;
  if (threads == 1) return bench::read_floor(x, y, n);
  return {[=] {
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads)
#endif
            for (int i = 0; i < threads; ++i)
              bench::detail::read_two_streams(x + n / threads * i, y + n / threads * i, n / threads);
          },
          1};
}

#ifdef SELFPRED_BENCH_TORCH
struct torch_lists {
  std::vector<at::Tensor> online, target;
  torch_lists(std::vector<flat> const& x, std::vector<flat> const& y) {
    for (auto const& v : x) online.push_back(at::from_blob(const_cast<float*>(v.data()), {v.size()}, at::kFloat));
    for (auto const& v : y) target.push_back(at::from_blob(const_cast<float*>(v.data()), {v.size()}, at::kFloat));
  }
};
#endif

// `count` tensors of `total` floats, one after the other in two arrays; a flat array is the model of one tensor.
template <bool is_flat>
bench::comparison tensors(Index total, Index count, int threads = 1) {
  auto const s = std::make_shared<streams>(total);
  auto const online = std::make_shared<std::vector<flat>>(), target = std::make_shared<std::vector<flat>>();
  Index at = 0;
  for (Index n : sizes_of(total, count)) {
    online->emplace_back(s->online.data() + at, n);
    target->emplace_back(s->target.data() + at, n);
    at += n;
  }
  selfpred::constant_momentum const momentum{static_cast<double>(tau)};
  auto const ours = [&] {
    if constexpr (is_flat)
      return std::make_shared<selfpred::ema_target<flat, selfpred::constant_momentum>>((*online)[0], (*target)[0],
                                                                                       momentum, on(threads));
    else
      return std::make_shared<selfpred::ema_target<std::vector<flat>, selfpred::constant_momentum>>(
          *online, *target, momentum, on(threads));
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
  if (threads == 1) {
    c.variants.push_back(
        {"naive loop", each([](flat& t, flat const& w) { naive(t.data(), w.data(), t.size()); }), result});
    c.variants.push_back(
        {"Eigen expression", each([](flat& t, flat const& w) { t = tau * t + (1 - tau) * w; }), result});
#ifdef SELFPRED_BENCH_BLAS
    if (bench::blas::has_axpby())
      c.variants.push_back({bench::blas::name() + " saxpby", each([](flat& t, flat const& w) {
                              bench::blas::axpby(t.size(), 1 - tau, w.data(), tau, t.data());
                            }),
                            result});
#endif
  } else {
    c.variants.push_back({"naive loop in parallel regions", each([=](flat& t, flat const& w) {
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads)
#endif
                            for (int i = 0; i < threads; ++i) {
                              Index const first = t.size() * i / threads, last = t.size() * (i + 1) / threads;
                              naive(t.data() + first, w.data() + first, last - first);
                            }
                          }),
                          result});
  }
#ifdef SELFPRED_BENCH_TORCH
  auto const lists = std::make_shared<torch_lists>(*online, *target);
  auto const quietly = [threads](auto run) {
    return [=] {
      at::NoGradGuard const guard;
      at::set_num_threads(threads);
      run();
    };
  };
  c.variants.push_back({"libtorch lerp_", quietly([lists] {
                          for (std::size_t i = 0; i < lists->online.size(); ++i)
                            lists->target[i].lerp_(lists->online[i], 1 - static_cast<double>(tau));
                        }),
                        result});
  c.variants.push_back({"libtorch _foreach", quietly([lists] {
                          at::_foreach_mul_(lists->target, static_cast<double>(tau));
                          at::_foreach_add_(lists->target, lists->online, 1 - static_cast<double>(tau));
                        }),
                        result});
#endif
  c.limit = read_floor(*s, threads);
  c.reset = [s] { s->reset(); };
  return c;
}

// From a bfloat16 network into its float shadow; the peer is the same pass from a float network.
bench::comparison from_bfloat16(Index n) {
  using narrow = Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, 1>;
  auto const s = std::make_shared<streams>(n);
  auto const online = std::make_shared<narrow>(flat(s->online.data(), n).cast<Eigen::bfloat16>());
  flat(s->online.data(), n) = online->cast<float>();
  selfpred::constant_momentum const momentum{static_cast<double>(tau)};
  auto const ours = std::make_shared<selfpred::ema_target<narrow, selfpred::constant_momentum>>(
      *online, momentum, selfpred::ema_options{.narrow = selfpred::cast_back::on_request});
  flat const x(s->online.data(), n), y(s->target.data(), n);
  auto const wide = std::make_shared<selfpred::ema_target<flat, selfpred::constant_momentum>>(x, y, momentum);
  bench::comparison c;
  c.variants.push_back({"ours", [=] { ours->update(*online); },
                        [=] {
                          std::vector<double> v;
                          ours->for_each_shadow([&](auto const&, selfpred::strided<float> shadow) {
                            for (Index i = 0; i < n; i += 1 + n / 10007)
                              v.push_back(static_cast<double>(shadow.data[i]));
                            v.push_back(static_cast<double>(shadow.data[n - 1]));
                          });
                          return v;
                        }});
  c.variants.push_back(
      {"float into float", [=] { wide->update(flat(s->online.data(), n)); }, [s] { return s->sample(); }});
  c.limit = bench::read_floor(s->online.data(), s->target.data(), n);
  c.limit.scale = 0.75;  // 6 bytes are read for 8
  c.reset = [=] {
    s->reset();
    ours->for_each_shadow(
        [&](auto const&, selfpred::strided<float> shadow) { std::copy_n(s->target.data(), n, shadow.data); });
  };
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
  suite.add("flat 1e8", [] { return tensors<true>(100'000'000, 1); });
  suite.add("2000 tensors 1e6", [] { return tensors<false>(1'000'000, 2000); });
  suite.add("2000 tensors 25e6", [] { return tensors<false>(25'000'000, 2000); });
  suite.add("bfloat16 into float 1e6", [] { return from_bfloat16(1'000'000); });
  suite.add("bfloat16 into float 25e6", [] { return from_bfloat16(25'000'000); });
#ifdef _OPENMP
  suite.add("flat 1e6 with 2 threads", [] { return tensors<true>(1'000'000, 1, 2); });
  suite.add("flat 25e6 with 2 threads", [] { return tensors<true>(25'000'000, 1, 2); });
  suite.add("flat 1e8 with 2 threads", [] { return tensors<true>(100'000'000, 1, 2); });
  suite.add("2000 tensors 25e6 with 2 threads", [] { return tensors<false>(25'000'000, 2000, 2); });
#endif
  suite.add("row-major into column-major 1000x1000", [] { return mixed_orders(1000); });
  return suite.finish();
}
