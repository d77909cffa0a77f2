// SPDX-License-Identifier: MIT
// Compiled three times: as all tests are, and for this very machine with and without contraction of a * b + c.
#include <map>
#include <numeric>
#include <selfpred/fused_update.hpp>
#include <selfpred/optimizer/adamw.hpp>
#include <selfpred/optimizer/lars.hpp>
#include <selfpred/optimizer/sgd.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>
#include <selfpred/strided/operations.hpp>
#include <thread>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;

namespace {

#ifdef SELFPRED_TESTS_CONTRACTS
constexpr bool same_bits = false;
#else
constexpr bool same_bits = true;
#endif

using array = sp::host_array<float>;
using model = std::map<std::string, array>;

void fill(array& x, unsigned& seed) {
  for (auto& v : x.values) v = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
}
model make(unsigned seed) {
  long const n = size(70000);  // more than two chunks
  model m{{"a", array(sp::shape(3, 5))},
          {"b", array(sp::shape(n, 1))},
          {"c", array(sp::shape())},
          {"d", array(sp::shape(200, 201))},
          {"empty", array(sp::shape(0, 7))}};
  for (auto& [name, x] : m) fill(x, seed);
  return m;
}
// The largest difference in units of the last place.
long ulps(model const& a, model const& b) {
  long most = 0;
  auto const order = [](float x) {
    std::int32_t i;
    std::memcpy(&i, &x, 4);
    return static_cast<long>(i < 0 ? std::numeric_limits<std::int32_t>::min() - i : i);
  };
  for (auto const& [name, x] : a)
    for (std::size_t i = 0; i < x.values.size(); ++i)
      most = std::max(most, std::abs(order(x.values[i]) - order(b.at(name).values[i])));
  return most;
}
void expect_same(model const& a, model const& b) {
  if (same_bits)
    CHECK(ulps(a, b) == 0);
  else
    CHECK(ulps(a, b) <= 1);
}

// A rule of the user's own without moments, and one with three.
struct signs {
  double rate = 0.01;
  static constexpr std::size_t moments = 0;
  void check() const {}
  template <class S>
  auto element(std::int64_t k) const {
    return [r = static_cast<S>(rate / static_cast<double>(k + 1))](S& w, S g) { w -= g > 0 ? r : g < 0 ? -r : S(0); };
  }
};
struct three {
  static constexpr std::size_t moments = 3;
  void check() const {}
  template <class S>
  auto element(std::int64_t) const {
    return [](S& w, S g, S& a, S& b, S& c) { a += g, b += a, c += b, w -= S(0.001) * c; };
  }
};

// Chunks from the last to the first, on two threads.
struct backwards {
  template <class F>
  void for_each_chunk(std::size_t n, F const& f) const {
    std::thread other([&] {
      for (std::size_t i = n; i-- > n / 2;) f(i);
    });
    for (std::size_t i = n / 2; i-- > 0;) f(i);
    other.join();
  }
};

}  // namespace

TEMPLATE_TEST_CASE("fused_update: one pass and two give the same, for every rule", "[fused]", sp::sgd, sp::lars,
                   sp::adamw, signs, three) {
  model w1 = make(1), w2 = w1;
  sp::ema_target t1{w1, sp::cosine_momentum{.base = 0.5, .steps = 4}}, t2 = t1;
  sp::fused_update one{TestType{}, w1}, two{TestType{}, w2};
  for (unsigned k = 0; k < 6; ++k) {
    model const g = make(7 + k);
    one(w1, g, t1);
    two(w2, g);
    if (same_bits)
      CHECK(ulps(w1, w2) == 0);
    else
      w2 = w1;  // each step is judged alone: differences of an ulp grow
    t2.update(w2);
    expect_same(t1.model(), t2.model());
    if (!same_bits) t2 = t1;
    CHECK(t1.step() == k + 1);
  }
  CHECK(one.step() == 6);
}

TEST_CASE("fused_update: the target's step is ema_step", "[fused]") {
  model w = make(1), t = make(3);
  model const before = t;
  sp::fused_update update{sp::sgd{.rate = 0}, w};
  update(w, make(2), sp::follower{t, 0.99});
  for (auto const& [name, x] : w) {
    array expected = before.at(name);
    for (std::size_t i = 0; i < x.values.size(); ++i)
      expected.values[i] = sp::detail::ema_step<float>(static_cast<float>(1 - 0.99), x.values[i], expected.values[i]);
    expect_same({{name, t.at(name)}}, {{name, expected}});
  }
  model still = w;
  for (int k = 0; k < 10; ++k) update(w, make(2), sp::follower{still, 0.9999});
  CHECK(ulps(still, w) == 0);  // so a standing network is an exact fixed point, fused too
}

TEST_CASE("fused_update: the bits do not depend on threads or on the order of chunks", "[fused]") {
  auto const check = [](auto rule) {
    model w1 = make(1), w2 = w1;
    sp::ema_target t1{w1, sp::constant_momentum{0.9}}, t2 = t1;
    sp::fused_update one{rule, w1};
    sp::fused_update two{rule, w2, backwards{}};
    for (unsigned k = 0; k < 3; ++k) one(w1, make(7 + k), t1), two(w2, make(7 + k), t2);
    CHECK(ulps(w1, w2) == 0);
    CHECK(ulps(t1.model(), t2.model()) == 0);
  };
  check(sp::lars{}), check(sp::adamw{});

  sp::executor const parts{3, [](int n, sp::part_task task) {
                             while (n-- > 0) task(n);
                           }};
  model w1 = make(1), w2 = w1;
  sp::fused_update one{sp::lars{}, w1};
  sp::fused_update three{sp::lars{}, w2, parts};
  one(w1, make(2)), three(w2, make(2));
  CHECK(ulps(w1, w2) == 0);
}

TEST_CASE("fused_update: any strides of weights, gradient and target", "[fused]") {
  using views = std::vector<sp::strided<float>>;
  std::vector<float> a(4000), b(4000), c(4000);
  unsigned seed = 5;
  for (auto* x : {&a, &b, &c})
    for (auto& v : *x) v = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f;
  views w{sp::view_column_major(a.data(), 30, 20), sp::view_matrix(a.data() + 700, 10, 10, 25, 2)};
  views const g{sp::view_row_major(b.data(), 30, 20), sp::view_matrix(b.data() + 1700, 10, 10, -1, 40)};
  views t{sp::view_matrix(c.data(), 30, 20, 40, 2), sp::view_row_major(c.data() + 2000, 10, 10)};
  std::vector<array> w2, g2, t2;
  auto const dense = [](views const& from) {
    std::vector<array> to;
    for (auto const& v : from) sp::copy(v, to.emplace_back(v.shape()));
    return to;
  };
  w2 = dense(w), g2 = dense(g), t2 = dense(t);
  auto const untouched = a[29 + 19 * 30 + 1], gap = c[1];
  for (int k = 0; k < 3; ++k) {
    static sp::fused_update one{sp::lars{}, w}, two{sp::lars{}, w2};
    one(w, g, sp::follower{t, 0.5});
    two(w2, g2, sp::follower{t2, 0.5});
  }
  auto const close = [](std::vector<array> const& x, std::vector<array> const& y) {
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::size_t j = 0; j < x[i].values.size(); ++j)  // the norms are summed in another order, in double
        REQUIRE(std::abs(x[i].values[j] - y[i].values[j]) <= 2e-6f * std::abs(y[i].values[j]) + 1e-7f);
  };
  close(dense(w), w2), close(dense(t), t2);
  CHECK(a[29 + 19 * 30 + 1] == untouched);
  CHECK(c[1] == gap);
}

TEST_CASE("fused_update: a narrow copy of the weights in the same pass", "[fused]") {
  model w = make(1);
  std::map<std::string, sp::host_array<std::int16_t>> narrow;  // stands for any type that a float converts to
  for (auto& [name, x] : w) {
    for (auto& v : x.values) v *= 1000;
    narrow.emplace(name, sp::host_array<std::int16_t>(x.extent));
  }
  sp::ema_target t{w, sp::constant_momentum{0.9}};
  sp::fused_update update{sp::sgd{}, w};
  update(w, make(2), t, narrow);
  for (auto const& [name, x] : w)
    for (std::size_t i = 0; i < x.values.size(); ++i)
      REQUIRE(narrow.at(name).values[i] == static_cast<std::int16_t>(x.values[i]));
}

TEST_CASE("fused_update: tau of 1 does not touch the target, tau of 0 copies", "[fused]") {
  model w = make(1), g = make(2), t = make(3);
  t.at("a").values[0] = std::numeric_limits<float>::quiet_NaN();
  model const before = t;
  sp::fused_update update{sp::sgd{}, w};
  g.at("a").values[1] = std::numeric_limits<float>::infinity();  // 0 * inf must not reach the target either
  update(w, g, sp::follower{t, 1.0});
  CHECK(ulps(t, before) == 0);
  update(w, make(4), sp::follower{t, 0.0});
  CHECK(std::isnan(w.at("a").values[1]) + std::isinf(w.at("a").values[1]) > 0);
  w.at("a").values[1] = t.at("a").values[1] = 0;
  CHECK(ulps(t, w) == 0);
}

TEST_CASE("fused_update: a target that does more than average is refused, and nothing is written", "[fused]") {
  model w = make(1);
  model const g = make(2), before = w;
  sp::fused_update update{sp::sgd{}, w};
  auto const options = std::vector<sp::ema_options>{
      {.leaves = sp::leaf_policies(sp::leaf_policy::copy).name("a", sp::leaf_policy::copy)},
      {.leaves = sp::leaf_policies(sp::leaf_policy::copy).name("a", sp::leaf_policy::skip)},
      {.non_finite = sp::non_finite_policy::refuse},
      {.count_stalls = true}};
  for (auto const& o : options) {
    sp::ema_target target{w, sp::constant_momentum{0.5}, o};
    CHECK_THROWS_AS(update(w, g, target), sp::domain_error);
    CHECK(ulps(w, before) == 0);
    CHECK(update.step() == 0);
  }
  sp::ema_target plain{w, sp::constant_momentum{0.5}};
  update(w, g, plain);
  CHECK(plain.step() == 1);
}

TEST_CASE("fused_update: everything is looked at before anything is written", "[fused]") {
  model w = make(1);
  model const g = make(2), before = w;
  sp::ema_target t{w, sp::constant_momentum{0.9}};
  sp::fused_update update{sp::sgd{}, w};
  model wrong = g;
  wrong.at("d") = array(sp::shape(201, 200));
  CHECK_THROWS_WITH(update(w, wrong, t),
                    ContainsSubstring("fused_update: the gradient 'd' is 201 x 200, expected 200 x 201"));
  wrong = g, wrong.erase("d");
  CHECK_THROWS_AS(update(w, wrong, t), sp::shape_error);
  wrong = w;
  CHECK_THROWS_WITH(update(w, w, t), ContainsSubstring("'a': the weights and the gradient share storage"));
  CHECK_THROWS_WITH(update(w, g, sp::follower{w, 0.5}), ContainsSubstring("the weights and the target share storage"));
  CHECK_THROWS_WITH(update(w, wrong, sp::follower{wrong, 0.5}),
                    ContainsSubstring("the gradient and the target share storage"));
  CHECK_THROWS_AS(update(w, g, sp::follower{wrong, 1.5}), sp::domain_error);
  model more = w, more_g = g;
  more["z"] = more_g["z"] = array(sp::shape(1, 1));
  CHECK_THROWS_WITH(update(more, more_g), ContainsSubstring("the number of tensors is 6 or more, expected 5"));
  update.rule().rate = -1;
  CHECK_THROWS_AS(update(w, g, t), sp::domain_error);
  CHECK(ulps(w, before) == 0);
  CHECK(ulps(t.model(), before) == 0);
  CHECK((update.step() == 0 && t.step() == 0));
  CHECK_THROWS_AS(update.step(-1), sp::domain_error);
}

TEST_CASE("fused_update: no allocation after construction", "[fused]") {
  model w = make(1);
  model const g = make(2);
  sp::ema_target t{w, sp::constant_momentum{0.9}};
  sp::fused_update a{sp::adamw{}, w}, b{sp::adamw{}, w};
  sp::fused_update c{sp::lars{}, w};
  allocation_counter counter;
  a(w, g, t), b(w, g), c(w, g, t);
  long const n = counter.count();
  CHECK(n == 0);
}

TEST_CASE("fused_update: double parameters and numbers, mixed with float", "[fused]") {
  struct {
    array w{sp::shape(2, 2), 1};
    sp::host_array<double> v{sp::shape(3, 1), 1};
    float bias = 1;
  } x, g;
  auto const p = std::tie(x.w, x.v, x.bias);
  auto const d = std::tie(g.w, g.v, g.bias);
  sp::fused_update update{sp::sgd{.rate = 0.25, .momentum = 0}, p};
  update(p, d);
  CHECK((x.w.values[3] == 0.75f && x.v.values[2] == 0.75 && x.bias == 0.75f));
}

TEST_CASE("fused_update: the norms are those of the tensors", "[fused]") {
  model w = make(1), g = make(2), w2 = w;
  sp::lars const rule{.rate = 1, .momentum = 0, .weight_decay = 0.1, .trust = 0.5};
  sp::fused_update update{rule, w};
  update(w, g);
  for (auto& [name, x] : w2) {
    double ww = 0, gg = 0;
    for (std::size_t i = 0; i < x.values.size(); ++i)
      ww += std::pow(x.values[i], 2), gg += std::pow(g.at(name).values[i], 2);
    bool const vector = name == "b" || name == "c";
    double const r = vector ? 1 : 0.5 * std::sqrt(ww) / (std::sqrt(gg) + 0.1 * std::sqrt(ww));
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      double const expected =
          x.values[i] - r * (double(g.at(name).values[i]) + (vector ? 0 : 0.1) * double(x.values[i]));
      REQUIRE(std::abs(w.at(name).values[i] - expected) < 4e-7);  // three roundings of numbers below 2
    }
  }
}
