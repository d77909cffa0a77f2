// SPDX-License-Identifier: MIT
// The measures of latents that are streamed: scatter, feature_std, hypersphere, lidar.
#include <selfpred/diagnostics/collapse_alarm.hpp>

#include "diagnostics/known.hpp"

using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using diagnostics::feature_std;
using diagnostics::hypersphere;
using diagnostics::lidar;
using diagnostics::scatter;

namespace {

template <class S>
matrix_d unit(by_columns<S> const& z) {
  return z.template cast<double>().rowwise().normalized();
}
double deviation(matrix_d const& z) {
  matrix_d const c = z.rowwise() - z.colwise().mean();
  return (c.colwise().squaredNorm() / static_cast<double>(z.rows() - 1)).cwiseSqrt().mean();
}

}  // namespace

TEMPLATE_TEST_CASE("scatter: about the mean, from any batches, nothing lost far from 0", "[diagnostics][scatter]",
                   float, double) {
  using M = by_columns<TestType>;
  matrix_d const z = latents(23, 4, 1), c = z.rowwise() - z.colwise().mean();
  for (double const offset : {0.0, 1000.0})
    for (auto const& sizes : splits) {
      scatter<M> sums;
      M const shifted = (z.array() + offset).matrix().template cast<TestType>();
      in_batches(shifted, sizes, [&](M batch, Index) { sums.add(batch); });
      CHECK(sums.count() == 23);
      auto const s = sums.compute();
      matrix_d const got = Eigen::Map<by_rows<double> const>(s.data(), 4, 4);
      // Entries of 1000 are rounded to 1000 eps of their spread. Without the shift, 1e6 eps is 0.1 in float.
      CHECK(distance(got, c.transpose() * c) < (offset == 0 ? 30 : 1000) * eps<TestType>);
    }
}

TEST_CASE("scatter: errors, and clear", "[diagnostics][scatter]") {
  scatter<matrix_d> sums;
  CHECK_THROWS_AS(sums.compute(), selfpred::state_error);
  matrix_d one = matrix_d::Ones(1, 3), none(0, 3), wide(2, 4);
  CHECK_THROWS_AS(sums.add(none), selfpred::shape_error);
  sums.add(one);
  CHECK_THROWS_WITH(sums.add(wide), "scatter.add: the batch is 2 x 4, expected 3 columns as before");
  CHECK(sums.compute() == numbers(9, 0.0));
  matrix_d bad = matrix_d::Constant(2, 3, NAN);
  sums.add(bad);
  CHECK(std::isnan(sums.compute()[0]));
  sums.clear();
  wide.setIdentity();
  sums.add(wide);
  CHECK(sums.compute()[0] == 0.5);
}

TEMPLATE_TEST_CASE("feature_std: the definition, from any batches, of any form", "[diagnostics][feature_std]",
                   owned<by_columns<float>>, owned<by_rows<double>>, mapped<float>, blocked<double>, in_array<float>,
                   with_gaps<double>) {
  using form = TestType;
  using M = selfpred::owner_t<typename form::tensor>;
  using S = typename form::scalar;
  matrix_d const z = latents(23, 5, 2).cast<S>().template cast<double>();
  double const expected = deviation(unit<double>(z)), raw = deviation(z);
  for (auto const& sizes : splits) {
    feature_std<M> spread;
    feature_std<M> unscaled(false);
    in_batches(z, sizes, [&](matrix_d const& batch, Index) {
      form const view(batch);
      spread.add(view.get());
      unscaled.add(view.get());
    });
    CHECK(spread.rows() == 23);
    CHECK_THAT(spread.value(), WithinRel(expected, 20 * eps<S>));
    CHECK_THAT(spread.relative(), WithinRel(expected * std::sqrt(5), 20 * eps<S>));
    CHECK_THAT(unscaled.value(), WithinRel(raw, 20 * eps<S>));
  }
}

TEMPLATE_TEST_CASE("feature_std: 1/sqrt(f) where rows spread evenly, 0 where they are one",
                   "[diagnostics][feature_std]", float, double) {
  using M = by_columns<TestType>;
  auto const of = [](matrix_d const& z) {
    feature_std<M> spread;
    spread.add(M(z.cast<TestType>()));
    return spread;
  };
  // +-e_j: mean 0, variance 2 / (2 f - 1) a feature.
  matrix_d axes(12, 6);
  axes << matrix_d::Identity(6, 6), -matrix_d::Identity(6, 6);
  CHECK_THAT(of(axes).value(), WithinRel(std::sqrt(2.0 / 11), 4 * eps<TestType>));
  CHECK_THAT(of(axes).relative(), WithinRel(std::sqrt(12.0 / 11), 4 * eps<TestType>));
  // One direction, whatever the lengths. Length is rounded; the shift leaves a few eps.
  matrix_d const line = latents(30, 1, 3).cwiseAbs().array().max(0.01).matrix() * latents(1, 6, 4);
  CHECK(of(line).relative() < 4 * eps<TestType>);
  CHECK(of(matrix_d::Constant(9, 6, 0.7)).relative() < 4 * eps<TestType>);
  CHECK(of(matrix_d::Zero(4, 3)).value() == 0);
  CHECK(of(latents(1, 3, 5)).value() == 0);
  for (double const c : {1e+30, 1e-30}) {  // unit rows have no scale
    matrix_d const z = latents(20, 4, 6);
    CHECK_THAT(of(c * z).value(), WithinRel(of(z).value(), 4 * eps<TestType>));
  }
}

TEST_CASE("feature_std: errors, NaN, elsewhere", "[diagnostics][feature_std]") {
  feature_std<matrix_d> spread;
  CHECK_THROWS_AS(spread.value(), selfpred::state_error);
  CHECK_THROWS_AS(spread.add(matrix_d(0, 3)), selfpred::shape_error);
  matrix_d z = latents(6, 3, 7);
  z(2, 1) = NAN;
  spread.add(z);
  CHECK(std::isnan(spread.value()));
  spread.add(latents(6, 3, 8));
  CHECK(std::isnan(spread.relative()));
  spread.clear();
  spread.add(latents(6, 3, 8));
  feature_std<far::decomposed> there;
  auto const x = sent(latents(6, 3, 8));
  auto const before = far::read_backs;
  there.add(x);
  CHECK(far::read_backs == before);
  CHECK_THAT(there.value(), WithinRel(spread.value(), 1e-14));
}

TEMPLATE_TEST_CASE("alignment and uniformity: the definitions", "[diagnostics][hypersphere]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  TestType const z1 = latents(23, 5, 9).cast<S>(),
                 z2 = (z1.template cast<double>() + 0.3 * latents(23, 5, 10)).template cast<S>();
  matrix_d const u = unit<S>(z1), v = unit<S>(z2);
  for (double const t : {2.0, 0.5}) {
    double sum = 0;
    for (Index i = 0; i < 23; ++i)
      for (Index j = 0; j < i; ++j)
        sum += std::exp(-t * (u.row(i) - u.row(j)).squaredNorm()) + std::exp(-t * (v.row(i) - v.row(j)).squaredNorm());
    hypersphere<TestType> h(t);
    h.add(z1, z2);
    CHECK_THAT(h.alignment(), WithinRel((u - v).squaredNorm() / 23, 50 * eps<S>));
    CHECK_THAT(h.uniformity(), WithinAbs(std::log(sum / (2 * 253)), 20 * eps<S>));
  }
  // Alignment from any batches; uniformity of equal batches is one batch's.
  hypersphere<TestType> whole, parts, twice;
  whole.add(z1, z2);
  for (auto const& sizes : splits) {
    parts.clear();
    in_batches(z1, sizes, [&](TestType const& b, Index row) { parts.add(b, TestType(z2.middleRows(row, b.rows()))); });
    CHECK_THAT(parts.alignment(), WithinRel(whole.alignment(), 20 * eps<S>));
  }
  twice.add(z1), twice.add(z1), twice.add(z2), twice.add(z2);
  CHECK_THAT(twice.uniformity(), WithinAbs(whole.uniformity(), 20 * eps<S>));
  CHECK_THROWS_AS(twice.alignment(), selfpred::state_error);
}

TEMPLATE_TEST_CASE("alignment and uniformity: collapse, antipodes, axes, zero rows", "[diagnostics][hypersphere]",
                   float, double) {
  using M = by_columns<TestType>;
  auto const of = [](matrix_d const& a, matrix_d const& b) {
    hypersphere<M> h;
    h.add(M(a.cast<TestType>()), M(b.cast<TestType>()));
    return h;
  };
  matrix_d const one = matrix_d::Ones(6, 3), axes = matrix_d::Identity(5, 5);
  CHECK_THAT(of(one, 7 * one).alignment(), WithinAbs(0, 10 * eps<TestType>));
  CHECK_THAT(of(one, one).uniformity(), WithinAbs(0, 10 * eps<TestType>));
  CHECK_THAT(of(one, -one).alignment(), WithinAbs(4, 10 * eps<TestType>));
  CHECK_THAT(of(axes, axes).uniformity(), WithinAbs(-4, 10 * eps<TestType>));  // every distance is sqrt(2)
  CHECK_THAT(of((matrix_d(2, 1) << 1, -3).finished(), (matrix_d(2, 1) << 2, -1).finished()).uniformity(),
             WithinAbs(-8, 10 * eps<TestType>));
  CHECK(of(matrix_d::Zero(3, 2), matrix_d::Zero(3, 2)).alignment() == 0);
  CHECK_THAT(of(matrix_d::Zero(5, 5), axes).alignment(), WithinAbs(1, 10 * eps<TestType>));
}

TEST_CASE("hypersphere: errors, NaN, elsewhere", "[diagnostics][hypersphere]") {
  hypersphere<matrix_d> h;
  CHECK_THROWS_AS(h.alignment(), selfpred::state_error);
  CHECK_THROWS_AS(h.uniformity(), selfpred::state_error);
  CHECK_THROWS_AS(h.add(matrix_d(0, 3)), selfpred::shape_error);
  CHECK_THROWS_AS(h.add(matrix_d(2, 3), matrix_d(3, 3)), selfpred::shape_error);
  CHECK_THROWS_AS(hypersphere<matrix_d>(0), selfpred::domain_error);
  CHECK_THROWS_AS(hypersphere<matrix_d>(NAN), selfpred::domain_error);
  h.add(latents(1, 3, 1), latents(1, 3, 2));
  CHECK(h.alignment() > 0);
  CHECK_THROWS_AS(h.uniformity(), selfpred::state_error);
  matrix_d bad = latents(4, 3, 3);
  bad(0, 0) = NAN;
  h.add(bad, bad);
  CHECK((std::isnan(h.alignment()) && std::isnan(h.uniformity())));
  h.clear();
  h.add(latents(4, 3, 3), latents(4, 3, 4));
  hypersphere<far::decomposed> there;
  there.add(sent(latents(4, 3, 3)), sent(latents(4, 3, 4)));
  CHECK_THAT(there.alignment(), WithinRel(h.alignment(), 1e-14));
  CHECK_THAT(there.uniformity(), WithinAbs(h.uniformity(), 1e-14));
}

namespace {

/// Objects at +-a_j e_j and views at +-d of them along axis j, turned by an orthogonal matrix: Sb and Sw are known.
struct design {
  matrix_d z1, z2;
  numbers between, within;  // eigenvalues of Sb and of Sw without delta
  design(numbers const& a, numbers const& d) {
    auto const f = static_cast<Index>(a.size());
    matrix_d means(2 * f, f), noise(2 * f, f);
    means << diagonal(a), -diagonal(a);
    noise << diagonal(d), diagonal(d);
    matrix_d const q = orthogonal(f, 5);
    z1 = ((means + noise) * q).array() + 3, z2 = ((means - noise) * q).array() + 3;
    for (std::size_t j = 0; j < a.size(); ++j) {
      between.push_back(2 * a[j] * a[j] / static_cast<double>(2 * f - 1));
      within.push_back(4 * d[j] * d[j] / static_cast<double>(2 * f));
    }
  }
  double expected(double delta, double epsilon = 1e-8) const {
    numbers l;
    double total = 0, entropy = 0;
    for (std::size_t j = 0; j < between.size(); ++j) l.push_back(between[j] / (within[j] + delta)), total += l.back();
    for (double const x : l) entropy -= (x / total + epsilon) * std::log(x / total + epsilon);
    return std::exp(entropy);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("LiDAR of a design whose scatters are known, from any batches", "[diagnostics][lidar]", float,
                   double) {
  using M = by_columns<TestType>;
  design const d({1, 2, 0.5, 1}, {0.5, 0.25, 1, 0.125});
  M const z1 = d.z1.cast<TestType>(), z2 = d.z2.cast<TestType>();
  for (double const delta : {1e-4, 1.0})
    for (auto const& sizes : std::vector<std::vector<Index>>{{}, {1}, {3, 2}}) {
      lidar<M> rank(delta);
      in_batches(z1, sizes, [&](M const& b, Index row) { rank.add(b, M(z2.middleRows(row, b.rows()))); });
      CHECK(rank.objects() == 8);
      // Entries of 3 and more are rounded; Sw^-1 magnifies by up to 1 / 0.008.
      CHECK_THAT(rank.value(), WithinRel(d.expected(delta), 2000 * eps<TestType>));
    }
}

TEST_CASE("LiDAR tells objects from views where RankMe does not", "[diagnostics][lidar]") {
  // All directions carry variance; objects differ along one of them.
  design const line({1, 0, 0}, {0.5, 0.5, 0.5});
  lidar<matrix_d> rank;
  rank.add(line.z1, line.z2);
  CHECK_THAT(rank.value(), WithinAbs(1, 1e-5));
  // The same along each direction: f.
  design const even({1, 1, 1}, {0.5, 0.5, 0.5});
  rank.clear();
  rank.add(even.z1, even.z2);
  CHECK_THAT(rank.value(), WithinAbs(3, 1e-5));
}

TEST_CASE("LiDAR: more views, collapse, errors, NaN, elsewhere", "[diagnostics][lidar]") {
  matrix_d const base = latents(12, 3, 1), a = base + 0.2 * latents(12, 3, 2), b = base + 0.2 * latents(12, 3, 3),
                 c = base + 0.2 * latents(12, 3, 4);
  lidar<matrix_d> rank;
  rank.add(a, b, c);
  matrix_d const mean = (a + b + c) / 3, m = mean.rowwise() - mean.colwise().mean();
  matrix_d sw = matrix_d::Identity(3, 3) * 1e-4;
  for (matrix_d const& z : {a, b, c}) sw += (z - mean).transpose() * (z - mean) / (12 * 2);
  Eigen::SelfAdjointEigenSolver<matrix_d> const e(sw);
  matrix_d const root = e.operatorInverseSqrt();
  Eigen::VectorXd const l =
      Eigen::SelfAdjointEigenSolver<matrix_d>(root * (m.transpose() * m / 11) * root).eigenvalues();
  CHECK_THAT(rank.value(), WithinRel(diagnostics::detail::entropy_rank({l.data(), 3}, 1e-8), 1e-12));

  lidar<far::decomposed> there;
  auto const ta = sent(a), tb = sent(b), tc = sent(c);
  auto const before = far::read_backs;
  there.add(ta, tb, tc);
  CHECK(far::read_backs == before);
  CHECK_THAT(there.value(), WithinRel(rank.value(), 1e-12));

  CHECK_THROWS_AS(rank.add(a, matrix_d(11, 3)), selfpred::shape_error);
  CHECK_THROWS_AS(rank.add(matrix_d(2, 4), matrix_d(2, 4)), selfpred::shape_error);
  CHECK_THROWS_AS(rank.add(matrix_d(0, 3), matrix_d(0, 3)), selfpred::shape_error);
  CHECK(rank.objects() == 12);
  rank.add(matrix_d(matrix_d::Constant(2, 3, NAN)), matrix_d(matrix_d::Zero(2, 3)));
  CHECK(std::isnan(rank.value()));
  rank.clear();
  CHECK_THROWS_AS(rank.value(), selfpred::state_error);
  rank.add(matrix_d(a.topRows(1)), matrix_d(b.topRows(1)));
  CHECK_THROWS_WITH(rank.value(), "lidar.value: the number of objects is 1, expected at least 2");
  rank.clear();
  rank.add(matrix_d(matrix_d::Ones(5, 3)), matrix_d(matrix_d::Ones(5, 3)));
  CHECK(rank.value() == 0);
  CHECK_THROWS_AS(lidar<matrix_d>(0), selfpred::domain_error);
  CHECK_THROWS_AS(lidar<matrix_d>(1e-4, -1), selfpred::domain_error);
}

TEST_CASE("complaint 15: did it collapse?", "[diagnostics][complaint]") {
  using diagnostics::collapse_alarm;
  matrix_d const z = latents(64, 8, 1), point = matrix_d::Ones(64, 8);
  collapse_alarm alarm({.warm_up = 0}), quiet({.warm_up = 0});
  std::int64_t rang = -1;
  for (int step = 0; step < 40; ++step) {
    double const left = std::pow(0.8, step);  // the loss of such an encoder falls all the way
    auto const observe = [&](collapse_alarm& a, matrix_d const& now) {
      feature_std<matrix_d> spread;
      spread.add(now);
      return a.observe(step, {.feature_std = spread.relative()});
    };
    if (auto const v = observe(alarm, left * z + (1 - left) * point); v && rang < 0) {
      rang = step;
      CHECK_THAT(v.sentence, Catch::Matchers::ContainsSubstring("collapse: feature_std is 0.0") &&
                                 Catch::Matchers::ContainsSubstring("expected at least 0.1"));
    }
    CHECK_FALSE(observe(quiet, latents(64, 8, static_cast<std::uint64_t>(step) + 2)));
  }
  CHECK((rang > 3 && rang < 25));  // below a tenth where 0.8^k is, about k = 12, and three in a row
}
