// SPDX-License-Identifier: MIT
#include <selfpred/statistics.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::owner_t;
using selfpred::statistics;
using selfpred::stop_gradient;

namespace {

// A sum of 2 b products rounds b eps at worst and sqrt(b) eps in practice, relative to the norms of its columns; S and
// X of the tests are compared relative to their largest entry, which is such a norm. 4 leaves room for the division.
template <class S>
double rounding(Index b) {
  return 4 * std::sqrt(static_cast<double>(b)) * eps<S>;
}

struct moments {
  matrix_d s, x;
};
template <class Sums>
moments moments_of(Sums& sums) {
  auto const c = sums.compute();
  return {c.s_scale * dense(c.s), c.x_scale * dense(c.x)};
}
template <class Sums, class V>
void add(Sums& sums, V const& v) {
  sums.add(v.z1, v.z2, stop_gradient(v.t1), stop_gradient(v.t2));
}
template <class Sums, class V, class W>
void add(Sums& sums, V const& v, W const& weights) {
  sums.add(v.z1, v.z2, stop_gradient(v.t1), stop_gradient(v.t2), weights);
}
/// Rows [first, first + n) of every member, as blocks.
template <class Sums, class V>
void add_rows(Sums& sums, V const& v, Index first, Index n) {
  auto const t1 = v.t1.middleRows(first, n), t2 = v.t2.middleRows(first, n);
  sums.add(v.z1.middleRows(first, n), v.z2.middleRows(first, n), stop_gradient(t1), stop_gradient(t2));
}
moments reference(views<> const& v) {
  double const n = 2 * static_cast<double>(v.z1.rows());
  return {(v.z1.transpose() * v.z1 + v.z2.transpose() * v.z2) / n,
          (v.z1.transpose() * v.t2 + v.z2.transpose() * v.t1) / n};
}

}  // namespace

TEMPLATE_TEST_CASE("Golden S and X, in micro-batches, weighted or not, for every form", "[statistics][golden]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>,
                   mapped<float>, blocked<double>, in_array<float>, with_gaps<double>) {
  using form = TestType;
  double const tolerance = rounding<typename form::scalar>(24);
  auto const file = golden("statistics");
  statistics<owner_t<typename form::tensor>> sums;

  auto const& one = file.at("one_view");
  form const z(dense(one.at("z"))), t(dense(one.at("t")));
  sums.add(z.get(), z.get(), stop_gradient(t.get()), stop_gradient(t.get()));
  CHECK(distance(moments_of(sums).s, dense(one.at("S"))) < tolerance);
  CHECK(distance(moments_of(sums).x, dense(one.at("X"))) < tolerance);

  for (std::string const name : {"two_views", "two_views_weighted", "two_views_empty_first_block"}) {
    INFO(name);
    auto const& c = file.at(name);
    matrix_d const blocks = dense(c.at("blocks"));
    sums.clear();
    Index done = 0;
    for (Index k = 0; k < blocks.size(); ++k) {
      auto const n = static_cast<Index>(blocks(k));
      auto const part = [&](char const* key) { return form(dense(c.at(key)).middleRows(done, n)); };
      form const z1 = part("z1"), z2 = part("z2"), t1 = part("t1"), t2 = part("t2");
      if (c.count("w")) {
        form const w = part("w");
        sums.add(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()), w.get());
      } else {
        sums.add(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()));
      }
      done += n;
      CHECK(sums.rows() == done);
      std::string const suffix = k + 1 < blocks.size() ? "_" + std::to_string(k) : "";
      if (c.count("S" + suffix)) {
        CHECK(distance(moments_of(sums).s, dense(c.at("S" + suffix))) < tolerance);
        CHECK(distance(moments_of(sums).x, dense(c.at("X" + suffix))) < tolerance);
      } else {  // rows that all weigh nothing have no mean
        CHECK_THROWS_AS(sums.compute(), selfpred::domain_error);
      }
    }
  }

  auto const& apart = file.at("per_direction");
  form const z1(dense(apart.at("z1"))), z2(dense(apart.at("z2"))), t1(dense(apart.at("t1"))), t2(dense(apart.at("t2")));
  sums.clear();
  sums.add(z1.get(), z1.get(), stop_gradient(t2.get()), stop_gradient(t2.get()));
  CHECK(distance(moments_of(sums).s, dense(apart.at("S1"))) < tolerance);
  CHECK(distance(moments_of(sums).x, dense(apart.at("X1"))) < tolerance);
  sums.clear();
  sums.add(z2.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t1.get()));
  CHECK(distance(moments_of(sums).s, dense(apart.at("S2"))) < tolerance);
  CHECK(distance(moments_of(sums).x, dense(apart.at("X2"))) < tolerance);
}

TEMPLATE_TEST_CASE("Micro-batches give the result of one big batch", "[statistics]", float, double) {
  using M = by_columns<TestType>;
  Index const b = 240, f = 11;
  views<M> const v(b, f, 1);
  moments const exact = reference(views<>(b, f, 1));
  statistics<M> whole, pieces;
  statistics<M, M> native;
  add(whole, v);
  moments const one = moments_of(whole);
  CHECK(distance(one.s, exact.s) < rounding<TestType>(b));
  for (Index const k : {1, 2, 3, 5, 16, 240}) {
    INFO(k << " micro-batches");
    pieces.clear(), native.clear();
    for (Index i = 0; i < k; ++i) {
      Index const first = i * b / k, n = (i + 1) * b / k - first;
      add_rows(pieces, v, first, n), add_rows(native, v, first, n);
    }
    CHECK(pieces.rows() == b);
    moments const sums = moments_of(pieces), plain = moments_of(native);
    // One piece is the same product; k pieces round in other places, each no more than the whole did.
    CHECK(distance(sums.s, one.s) <= (k == 1 ? 0 : 2 * rounding<TestType>(b)));
    CHECK(distance(sums.x, one.x) <= (k == 1 ? 0 : 2 * rounding<TestType>(b)));
    CHECK(distance(sums.s, exact.s) < rounding<TestType>(b));
    CHECK(distance(plain.s, exact.s) < rounding<TestType>(b));
    CHECK(distance(plain.x, exact.x) < rounding<TestType>(b));
  }
}

TEST_CASE("Sums over many micro-batches do not lose digits, unless they are asked for in the native type",
          "[statistics]") {
  // 0.1 in float, 20000 times: each block is exact, a double sum of them too, and a float sum is off in the 5th digit.
  by_columns<float> const z = by_columns<float>::Constant(1, 1, 0.1f);
  double const expected = static_cast<double>(0.1f * 0.1f);
  statistics<by_columns<float>> wide;
  statistics<by_columns<float>, by_columns<float>> native;
  for (int i = 0; i < 20000; ++i) wide.add(z, z), native.add(z, z);
  CHECK_THAT(wide.compute().s(0, 0), WithinRel(expected, 1.5 * eps<float>));
  CHECK(std::abs(native.compute().s(0, 0) / expected - 1) > 10 * eps<float>);
}

TEST_CASE("sums() of two ranks, added by hand, are those of one", "[statistics]") {
  views<> const all(30, 6, 2);
  Eigen::VectorXd const w = latents(30, 1, 9).cwiseAbs();
  statistics<matrix_d> one, rank0, rank1;
  for (auto* const s : {&rank0, &rank1}) {
    Index const first = s == &rank0 ? 0 : 18, n = s == &rank0 ? 18 : 12;
    matrix_d const t1 = all.t1.middleRows(first, n), t2 = all.t2.middleRows(first, n);
    Eigen::VectorXd const part = w.segment(first, n);
    s->add(all.z1.middleRows(first, n), all.z2.middleRows(first, n), stop_gradient(t1), stop_gradient(t2), part);
    one.add(all.z1.middleRows(first, n), all.z2.middleRows(first, n), stop_gradient(t1), stop_gradient(t2), part);
  }
  auto a = rank0.sums();
  auto const b = rank1.sums();
  selfpred::axpby(1.0, b.s, 1.0, a.s), selfpred::axpby(1.0, b.x, 1.0, a.x);
  a.weight += b.weight, a.pair_weight += b.pair_weight, a.rows += b.rows, a.samples += b.samples;
  CHECK(rank0.rows() == 30);
  // The very same additions as one object makes: equal bits.
  CHECK(same_bits(rank0.compute().s, one.compute().s));
  CHECK(same_bits(rank0.compute().x, one.compute().x));
}

TEST_CASE("Weights are repetitions of rows, and weights of one are none", "[statistics]") {
  Index const b = 12, f = 5;
  views<> const v(b, f, 3);
  statistics<matrix_d> plain, weighted, repeated;
  add(plain, v);
  add(weighted, v, Eigen::VectorXd::Ones(b).eval());
  CHECK(distance(moments_of(weighted).s, moments_of(plain).s) < rounding<double>(b));
  CHECK(distance(moments_of(weighted).x, moments_of(plain).x) < rounding<double>(b));

  Eigen::VectorXd w(b);
  for (Index i = 0; i < b; ++i) w(i) = static_cast<double>(i % 4);  // 0 drops a row
  weighted.clear();
  add(weighted, v, w);
  moments const whole = moments_of(weighted);
  for (Index i = 0; i < b; ++i)
    for (Index k = 0; k < i % 4; ++k) add_rows(repeated, v, i, 1);
  CHECK(distance(whole.s, moments_of(repeated).s) < rounding<double>(2 * b));
  CHECK(distance(whole.x, moments_of(repeated).x) < rounding<double>(2 * b));

  weighted.clear();  // a common factor of the weights has no meaning
  add(weighted, v, (8 * w).eval());
  CHECK(same_bits(moments_of(weighted).s, whole.s));
  weighted.clear();  // S alone
  weighted.add(v.z1, v.z2, w);
  CHECK(distance(moments_of(weighted).s, whole.s) < rounding<double>(b));
  weighted.clear();
  add(weighted, v, Eigen::VectorXd::Zero(b).eval());
  CHECK_THROWS_WITH(weighted.compute(), ContainsSubstring("weights") && ContainsSubstring("above 0"));
}

TEMPLATE_TEST_CASE("Latents of any scale: the scale is kept apart, exactly", "[statistics]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  views<TestType> const v(20, 6, 4);
  statistics<TestType> sums;
  add(sums, v);
  moments const one = moments_of(sums);
  for (int const k : {100, 63, -50, -63, -100}) {  // 2^100 is 1.3e30: S overflows in float
    INFO("2^" << k);
    S const c = std::exp2(static_cast<S>(k));
    views<TestType> scaled = v;
    scaled.z1 *= c, scaled.z2 *= c;
    sums.clear();
    add(sums, scaled);
    auto const r = sums.compute();
    CHECK(std::exp2(std::round(std::log2(r.s_scale))) == r.s_scale);
    // In between the elements stay in a range in which their squares are normal floats.
    CHECK(dense(r.s).cwiseAbs().maxCoeff() < 1e+15);
    CHECK(dense(r.s).cwiseAbs().maxCoeff() > 1e-15);
    CHECK(same_bits(r.s_scale * dense(r.s), std::exp2(2 * k) * one.s));
    CHECK(same_bits(r.x_scale * dense(r.x), std::exp2(k) * one.x));
    scaled.t1 *= c, scaled.t2 *= c;
    sums.clear();
    add_rows(sums, scaled, 0, 11), add_rows(sums, scaled, 11, 9);
    CHECK(distance(std::exp2(-2 * k) * moments_of(sums).s, one.s) < rounding<S>(20));
    CHECK(distance(std::exp2(-2 * k) * moments_of(sums).x, one.x) < rounding<S>(20));
  }
}

TEST_CASE("Views of very different scale, and the smallest of floats", "[statistics]") {
  using M = by_columns<float>;
  views<M> v(16, 4, 5);
  v.z1 *= std::exp2(70.f), v.z2 *= std::exp2(-70.f);
  statistics<M> sums;
  sums.add(v.z1, v.z2);
  matrix_d const z1 = v.z1.cast<double>();
  CHECK(distance(moments_of(sums).s, z1.transpose() * z1 / 32) < rounding<float>(16));

  M const z = v.t1 * std::exp2(-134.f);  // subnormal, but not zero
  sums.clear();
  sums.add(z, z);
  matrix_d const exact = z.cast<double>();
  CHECK(distance(moments_of(sums).s, exact.transpose() * exact / 16) < rounding<float>(16));
}

TEST_CASE("Zero latents are a batch like any other", "[statistics]") {
  statistics<by_columns<float>> sums;
  by_columns<float> const zero = by_columns<float>::Zero(4, 3);
  views<by_columns<float>> const v(4, 3, 6);
  sums.add(zero, zero, stop_gradient(zero), stop_gradient(zero));
  auto const c = sums.compute();
  CHECK(dense(c.s) == matrix_d::Zero(3, 3));
  CHECK(dense(c.x) == matrix_d::Zero(3, 3));
  CHECK(c.rows == 4);
  add(sums, v);
  statistics<by_columns<float>> alone;
  add(alone, v);
  CHECK(same_bits(moments_of(sums).s, moments_of(alone).s / 2));
}

TEMPLATE_TEST_CASE("A batch with NaN or infinity is refused and leaves no trace", "[statistics]",
                   (statistics<by_columns<float>>), (statistics<by_columns<float>, by_columns<float>>)) {
  using M = by_columns<float>;
  views<M> const v(9, 4, 7);
  Eigen::VectorXf const ones = Eigen::VectorXf::Ones(9);
  TestType sums, twin;
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (int where = 0; where < 5; ++where) {
      INFO("argument " << where << " has " << bad);
      sums.clear(), twin.clear();
      add(sums, v), add(twin, v);
      views<M> broken = v;
      Eigen::VectorXf weights = ones;
      (where == 0   ? broken.z1
       : where == 1 ? broken.z2
       : where == 2 ? broken.t1
                    : broken.t2)(where, 2) = where < 4 ? bad : 1.f;
      if (where == 4) weights(3) = bad;
      if (where < 4) CHECK_THROWS_AS(add(sums, broken), selfpred::non_finite_error);
      CHECK_THROWS_WITH(add(sums, broken, weights),
                        ContainsSubstring(where == 2 || where == 3 ? "target" : "z1 or z2"));
      CHECK(sums.rows() == 9);
      CHECK(same_bits(sums.compute().s, twin.compute().s));
      CHECK(same_bits(sums.compute().x, twin.compute().x));
      add(sums, v), add(twin, v);
      CHECK(same_bits(sums.compute().s, twin.compute().s));
      CHECK(same_bits(sums.compute().x, twin.compute().x));
    }
}

TEST_CASE("Shapes: b may change, f may not, and each complaint names its argument", "[statistics]") {
  statistics<matrix_d> sums;
  views<> const v(6, 3, 8), other(6, 4, 8), shorter(5, 3, 8);
  CHECK_THROWS_AS(sums.compute(), selfpred::state_error);
  CHECK_THROWS_AS(sums.sums(), selfpred::state_error);
  add(sums, v);
  moments const before = moments_of(sums);
  auto const with = [](views<> w, matrix_d views<>::*member, matrix_d const& m) {
    w.*member = m;
    return w;
  };
  CHECK_THROWS_WITH(add(sums, with(v, &views<>::z2, shorter.z2)), ContainsSubstring("z2 is 5 x 3, expected 6 x 3"));
  CHECK_THROWS_WITH(add(sums, with(v, &views<>::t1, other.t1)), ContainsSubstring("target1 is 6 x 4, expected 6 x 3"));
  CHECK_THROWS_WITH(add(sums, with(v, &views<>::t2, shorter.t2)), ContainsSubstring("target2 is 5 x 3"));
  CHECK_THROWS_AS(add(sums, other), selfpred::shape_error);
  CHECK_THROWS_AS(sums.add(matrix_d(0, 3), matrix_d(0, 3)), selfpred::shape_error);
  CHECK_THROWS_AS(sums.add(matrix_d(3, 0), matrix_d(3, 0)), selfpred::shape_error);
  CHECK_THROWS_WITH(add(sums, v, Eigen::VectorXd::Ones(5).eval()),
                    ContainsSubstring("weights is 5 x 1, expected 6 x 1"));
  CHECK_THROWS_AS(add(sums, v, matrix_d::Ones(6, 2).eval()), selfpred::shape_error);
  CHECK(same_bits(moments_of(sums).s, before.s));
  CHECK(sums.rows() == 6);

  add(sums, shorter);
  CHECK(sums.rows() == 11);
  sums.clear();
  CHECK(sums.rows() == 0);
  CHECK_THROWS_AS(sums.compute(), selfpred::state_error);
  add(sums, other);  // after clear() another f
  statistics<matrix_d> fresh;
  add(fresh, other);
  CHECK(same_bits(moments_of(sums).s, moments_of(fresh).s));
  CHECK(same_bits(moments_of(sums).x, moments_of(fresh).x));
  sums.clear();
  add(sums, v);
  CHECK(same_bits(moments_of(sums).s, before.s));
}

TEST_CASE("S is symmetric to the bit", "[statistics]") {
  statistics<by_columns<float>> sums;
  for (std::uint64_t k = 0; k < 3; ++k) add(sums, views<by_columns<float>>(37, 13, 20 + k));
  matrix_d const s = moments_of(sums).s;
  CHECK(same_bits(s, s.transpose().eval()));
}
