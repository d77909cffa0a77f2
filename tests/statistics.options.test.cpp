// SPDX-License-Identifier: MIT
// How S and X may be taken: of rows of unit length, about their mean, and both; in any number of micro-batches.
#include <selfpred/statistics.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Eigen::Index;
using selfpred::moment_options;
using selfpred::owner_t;
using selfpred::statistics;
using selfpred::stop_gradient;

namespace {

// As in statistics.test.cpp: sqrt(b) eps in practice, relative to the largest entry. 8: a normalised row is rounded too,
// and a mean that is subtracted may be twice the deviation.
template <class S>
double rounding(Index b) {
  return 8 * std::sqrt(static_cast<double>(b)) * eps<S>;
}

template <class Form>
struct held {
  Form z1, z2, t1, t2, w;
  explicit held(golden_case const& c, Index first, Index n)
      : z1(dense(c.at("z1")).middleRows(first, n)), z2(dense(c.at("z2")).middleRows(first, n)),
        t1(dense(c.at("t1")).middleRows(first, n)), t2(dense(c.at("t2")).middleRows(first, n)),
        w(dense(c.at("w")).middleRows(first, n)) {}
};

}  // namespace

TEMPLATE_TEST_CASE("Golden S and X of normalised and centred rows, for every form", "[statistics][golden]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>,
                   mapped<float>, blocked<double>, in_array<float>, with_gaps<double>) {
  using S = typename TestType::scalar;
  auto const file = golden("statistics");
  auto const& c = file.at("options");
  struct kind {
    std::string name;
    moment_options options;
    bool weighted;
  };
  kind const kinds[] = {{"normalised", {.normalise_rows = true}, false},
                        {"centred", {.centred = true}, false},
                        {"both", {.normalise_rows = true, .centred = true}, false},
                        {"weighted_centred", {.centred = true}, true},
                        {"weighted_both", {.normalise_rows = true, .centred = true}, true}};
  for (kind const& k : kinds) {
    INFO(k.name);
    for (std::vector<Index> const& blocks : {std::vector<Index>{9}, {1, 8}, {4, 3, 2}}) {
      INFO(blocks.size() << " micro-batches");
      statistics<owner_t<typename TestType::tensor>> sums{k.options};
      Index done = 0;
      for (Index const n : blocks) {
        held<TestType> const v(c, done, n);
        if (k.weighted)
          sums.add(v.z1.get(), v.z2.get(), stop_gradient(v.t1.get()), stop_gradient(v.t2.get()), v.w.get());
        else
          sums.add(v.z1.get(), v.z2.get(), stop_gradient(v.t1.get()), stop_gradient(v.t2.get()));
        done += n;
      }
      auto const m = sums.compute();
      CHECK(m.rows == 9);
      CHECK(m.samples == 18);
      CHECK(distance(m.s, dense(c.at("S_" + k.name)) / m.s_scale) < rounding<S>(9));
      CHECK(distance(m.x, dense(c.at("X_" + k.name)) / m.x_scale) < rounding<S>(9));
    }
  }
}

TEMPLATE_TEST_CASE("A far mean costs a centred covariance no digits of float", "[statistics]", float, double) {
  using M = by_columns<TestType>;
  Index const b = 60, f = 5;
  matrix_d const a = latents(b, f, 1), d = latents(b, f, 2);
  // 2^10 with deviations in steps of 2^-7: exact in float, and 2^20 times what a raw sum would leave of S.
  M const z1 = (a.array() + 1024).matrix().cast<TestType>(), z2 = (d.array() + 1024).matrix().cast<TestType>();
  statistics<M> sums{moment_options{.centred = true}};
  sums.add(z1, z2);
  matrix_d all(2 * b, f);
  all << a, d;
  matrix_d const y = all.rowwise() - all.colwise().mean();
  matrix_d const expected = y.transpose() * y / static_cast<double>(2 * b);
  auto const m = sums.compute();
  // Blocks are centred before their product: a mean rounded by eps 1024 moves S by so much of the distance between the
  // means of the views. Sums over blocks are raw, in double, and lose eps 1024^2 where the mean is taken out of them.
  CHECK(distance(m.s, expected) < (sizeof(TestType) == 4 ? 4 * 1024 * eps<float> : 4 * 1024 * 1024 * eps<double>));
}

TEST_CASE("Constant latents: centred S and X are 0, normalised ones are of one direction", "[statistics]") {
  matrix_d const row = latents(1, 4, 3), z = row.replicate(8, 1), t = 3 * z;
  statistics<matrix_d> centred{moment_options{.centred = true}};
  centred.add(z, z, stop_gradient(t), stop_gradient(t));
  auto const m = centred.compute();
  // The mean of eight equal numbers is the number.
  CHECK(m.s_scale * m.s.norm() < 1e-15);
  CHECK(m.x_scale * m.x.norm() < 1e-15);
  statistics<matrix_d> unit{moment_options{.normalise_rows = true}};
  unit.add(z, z, stop_gradient(t), stop_gradient(t));
  auto const u = unit.compute();
  CHECK(distance(u.s, row.transpose() * row / row.squaredNorm()) < 1e-15);
  CHECK(distance(u.x, u.s) < 1e-15);
}

TEST_CASE("Normalised moments have no scale: latents of 1e+-30, and rows of zero", "[statistics]") {
  using M = by_rows<float>;
  views<M> v(12, 5, 4);
  auto const normalised = [](views<M> const& w) {
    statistics<M> sums{moment_options{.normalise_rows = true}};
    sums.add(w.z1, w.z2, stop_gradient(w.t1), stop_gradient(w.t2));
    auto const m = sums.compute();
    return std::pair(matrix_d(m.s_scale * dense(m.s)), matrix_d(m.x_scale * dense(m.x)));
  };
  auto const [s, x] = normalised(v);
  CHECK(std::abs(s.trace() - 1) < 8 * eps<float>);
  for (float const c : {1e+30f, 1e-30f}) {
    views<M> w = v;
    w.z1 *= c, w.t2 *= 1 / c;
    CHECK(distance(normalised(w).first, s) < rounding<float>(12));
    CHECK(distance(normalised(w).second, x) < rounding<float>(12));
  }
  v.z1.row(3).setZero(), v.t1.row(5).setZero();
  CHECK(std::abs(normalised(v).first.trace() - 23.0 / 24) < 8 * eps<float>);  // it counts in b, and in nothing else
  CHECK(normalised(v).second.allFinite());
}

TEST_CASE("Moment options out of range", "[statistics]") {
  for (double const bad : {-0.1, 1.0, std::nan("")})
    CHECK_THROWS_AS(statistics<matrix_d>(moment_options{.momentum = bad}), selfpred::domain_error);
}
