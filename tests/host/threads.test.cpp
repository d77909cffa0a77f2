// SPDX-License-Identifier: MIT
// Work split over threads: every bit as by one, and really split.
#include <atomic>
#include <cstring>
#include <random>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_pred.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <thread>

#include "support/catch.hpp"

namespace sp = selfpred;
using sp::op;

namespace {

/// One thread a part, the first of which is the caller's own, and how often it was asked for.
struct pool {
  std::atomic<int> splits = 0, most = 0;
  sp::executor of(int parts) {
    return {parts, [this](int n, sp::part_task task) {
              ++splits;
              if (n > most) most = n;
              std::vector<std::thread> threads;
              for (int i = 1; i < n; ++i) threads.emplace_back([=] { task(i); });
              task(0);
              for (auto& t : threads) t.join();
            }};
  }
};

template <class S>
using matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

template <class S>
matrix<S> random(Eigen::Index rows, Eigen::Index cols, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  return matrix<S>::NullaryExpr(rows, cols, [&] { return static_cast<S>(normal(generator)); });
}

/// f(result) by one thread, then by several: the same bits, and at least one split where several are asked for.
template <class S, class F>
void same_bits(std::string const& what, F f) {
  matrix<S> one, other;
  f(one);
  for (int parts : {2, 3, 5, 8}) {
    pool threads;
    sp::executor const e = threads.of(parts);
    sp::host_threads const scope(e);
    other.setConstant(one.rows(), one.cols(), S(NAN));
    f(other);
    CAPTURE(what, parts);
    CHECK(threads.splits > 0);
    CHECK(threads.most > 1);
    CHECK(one.size() == other.size());
    CHECK(std::memcmp(one.data(), other.data(), sizeof(S) * static_cast<std::size_t>(one.size())) == 0);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("threads: products have the same bits", "[host][threads]", float, double) {
  using S = TestType;
  struct sizes {
    Eigen::Index m, n, k;
  };
  for (auto const& [m, n, k] : {sizes{401, 83, 301}, {83, 401, 301}, {160, 160, 160}, {1000, 33, 700}}) {
    auto const x = random<S>(m, k, 1), y = random<S>(k, n, 2), z = random<S>(m, n, 3);
    CAPTURE(m, n, k);
    same_bits<S>("a x y + b z", [&](matrix<S>& r) {
      r = z;
      sp::gemm(0.3, x, op::none, y, op::none, -0.7, r);
    });
    same_bits<S>("row-major", [&](matrix<S>& r) {
      Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = z;
      sp::gemm(0.3, x, op::none, y, op::none, 1.0, rows);
      r = rows;
    });
  }
  auto const x = random<S>(701, 211, 4);
  same_bits<S>("x^T x", [&](matrix<S>& r) {
    r = x.transpose() * x;
    sp::gemm_symmetric(0.3, x, op::transpose, x, op::none, 0.9, r);
  });
  matrix<S> const s = x.transpose() * x, square = s * s;
  same_bits<S>("a symmetric product", [&](matrix<S>& r) {
    r.resize(211, 211);
    sp::gemm_symmetric(0.3, s, op::none, square, op::none, 0.0, r);
  });
}

TEMPLATE_TEST_CASE("threads: solves, filters, loss have the same bits", "[host][threads]", float, double) {
  using S = TestType;
  auto const x = random<S>(500, 203, 4);
  matrix<S> const s = x.transpose() * x / S(500);
  same_bits<S>("solve", [&](matrix<S>& r) {
    matrix<S> a = s;
    r = x.transpose();
    sp::spd_solve(a, r);
  });
  sp::workspace<matrix<S>> work;
  for (double tolerance : {3e-3, 3e-4, 1e-5})
    for (auto kind : {sp::linalg::filter::newton_schulz, sp::linalg::filter::square_root}) {
      auto const* design = sp::linalg::find_design(kind, 9, 0, tolerance, 0);
      if (!design) continue;
      CAPTURE(tolerance, design->real.size(), design->pairs.size());
      same_bits<S>("poles", [&](matrix<S>& r) {
        auto const filtered = sp::linalg::sum_of_inverses(*design, s, work);
        REQUIRE(filtered.has_value());
        r = filtered->value;
      });
    }
  same_bits<S>("root in two stages", [&](matrix<S>& r) {
    auto const filtered = sp::linalg::square_root_in_two_stages(s, work);
    REQUIRE(filtered.has_value());
    r = filtered->value;
  });
  auto const q = random<S>(10007, 40, 7), t = random<S>(10007, 40, 8);
  same_bits<S>("loss", [&](matrix<S>& r) {
    matrix<S> g(q.rows(), q.cols());
    double const loss = sp::prediction_loss(q, sp::stop_gradient(t), g, work);
    r.resize(g.rows(), g.cols() + 1);
    r << g, matrix<S>::Constant(g.rows(), 1, static_cast<S>(loss));
  });
  auto const z = random<S>(3001, 90, 7), targets = random<S>(3001, 90, 8), p = random<S>(90, 90, 9);
  same_bits<S>("loss of a linear prediction", [&](matrix<S>& r) {
    matrix<S> g(z.rows(), z.cols());
    double const loss = sp::linear_prediction_loss(z, p, sp::stop_gradient(targets), g, work);
    r.resize(g.rows(), g.cols() + 1);
    r << g, matrix<S>::Constant(g.rows(), 1, static_cast<S>(loss));
  });
}

TEST_CASE("threads: a pole that fails is found, whoever made it", "[host][threads]") {
  matrix<float> s = matrix<float>::Identity(200, 200);
  s(7, 7) = -5;
  sp::workspace<matrix<float>> work;
  auto const* design = sp::linalg::find_design(sp::linalg::filter::newton_schulz, 9, 0, 1e-5, 0);
  REQUIRE(design);
  pool threads;
  sp::executor const e = threads.of(4);
  sp::host_threads const scope(e);
  CHECK_FALSE(sp::linalg::sum_of_inverses(*design, s, work).has_value());
  CHECK(threads.splits > 0);
}

TEST_CASE("threads: an objective's steps have the same bits, by its own executor", "[host][threads][objective]") {
  auto const run = [](auto rule, sp::executor const& e, Eigen::Index rows, double rho) {
    auto o = sp::make_objective<matrix<float>>(rule, {.alpha = 0.1, .predictor_momentum = rho, .threads = e});
    std::vector<float> all;
    for (unsigned k = 0; k < 3; ++k) {
      auto const z1 = random<float>(rows, 180, 10 * k + 1), z2 = random<float>(rows, 180, 10 * k + 2),
                 t1 = random<float>(rows, 180, 10 * k + 3), t2 = random<float>(rows, 180, 10 * k + 4);
      auto const r = o.step(z1, z2, sp::stop_gradient(t1), sp::stop_gradient(t2));
      all.push_back(static_cast<float>(r.loss));
      for (auto const* g : {&r.gradient1, &r.gradient2, &o.predictor()})
        all.insert(all.end(), g->data(), g->data() + g->size());
    }
    return all;
  };
  auto const both = [&](auto rule, Eigen::Index rows, double rho) {
    pool threads;
    auto const one = run(rule, {}, rows, rho), several = run(rule, threads.of(3), rows, rho);
    CHECK(threads.splits > 3);
    CHECK(std::memcmp(one.data(), several.data(), one.size() * sizeof(float)) == 0);
    CHECK(one.size() == several.size());
  };
  both(sp::newton_schulz{}, 300, 0.99);
  both(sp::newton_schulz{.evaluate = sp::evaluation::iteration()}, 300, 0.5);
  both(sp::newton_schulz{.evaluate = sp::evaluation::gram()}, 80, 0.0);
  both(sp::stiefel{}, 300, 0.9);
  both(sp::linear_regression{}, 300, 0.9);
}

TEST_CASE("threads: a part is never split again, and a scope ends", "[host][threads]") {
  auto const x = random<float>(300, 300, 1);
  matrix<float> z(300, 300);
  pool outer;
  sp::executor const e = outer.of(2), of_one;
  {
    sp::host_threads const scope(e);
    sp::host_threads const same(of_one);  // changes nothing
    std::atomic<int> ran = 0;
    sp::detail::split(2, 1e9, [&](sp::index first, sp::index last) {
      CHECK(last == first + 1);
      matrix<float> y(300, 300);
      sp::gemm(1.0, x, op::none, x, op::none, 0.0, y);
      ++ran;
    });
    CHECK(ran == 2);
    CHECK(outer.splits == 1);
    sp::gemm(1.0, x, op::none, x, op::none, 0.0, z);
    CHECK(outer.splits == 2);
    matrix<float> const few = x.topRows(4);
    matrix<float> y(4, 300);
    sp::gemm(1.0, few, op::none, x, op::none, 0.0, y);  // too small to be worth it
    CHECK(outer.splits == 2);
  }
  sp::gemm(1.0, x, op::none, x, op::none, 0.0, z);
  CHECK(outer.splits == 2);
}
