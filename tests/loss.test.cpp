// SPDX-License-Identifier: MIT
#include <selfpred/loss.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::loss_kind;
using selfpred::loss_options;
using selfpred::owner_t;
using selfpred::prediction_loss;
using selfpred::reduction;
using selfpred::stop_gradient;
using selfpred::workspace;

namespace {

template <class M>
struct outcome {
  double loss;
  M gradient;
};
template <class Q, class T>
auto loss_of(Q const& q, T const& t, loss_options const& o = {}) {
  using M = owner_t<Q>;
  workspace<M> work;
  outcome<M> r{0, selfpred::filled(q, selfpred::shape_of(q), std::nan(""))};  // the gradient is write-only
  r.loss = prediction_loss(q, stop_gradient(t), r.gradient, work, o);
  return r;
}

}  // namespace

TEMPLATE_TEST_CASE("Golden losses and their gradients, for every form", "[loss][golden]", owned<by_columns<float>>,
                   owned<by_rows<double>>, mapped<double>, blocked<float>, in_array<double>, with_gaps<float>) {
  using form = TestType;
  double const e = eps<typename form::scalar>;
  auto const file = golden("loss");
  for (auto const& [name, c] : file) {
    INFO(name);
    bool const normalised = c.scalar("normalised") != 0;
    loss_options const options{.kind = normalised ? loss_kind::normalized : loss_kind::squared};
    matrix_d const p = dense(c.at("P")), directions = dense(c.at("directions"));
    for (Index k = 0; k < 2; ++k) {
      matrix_d const q = dense(c.at(k == 0 ? "z1" : "z2")) * p, t = dense(c.at(k == 0 ? "t2" : "t1"));
      auto const r = loss_of(form(q).get(), form(t).get(), options);
      // q is rounded once to the form's type, and so are u and v: 8 roundings. Near 0 the loss is a difference of unit
      // vectors, squared: its error is absolute.
      CHECK(std::abs(r.loss - directions(k)) < 8 * e * std::max(directions(k), 1.0));
      matrix_d const expected = dense(c.at(k == 0 ? "dz1" : "dz2")), got = dense(r.gradient) * p.transpose();
      for (Index i = 0; i < q.rows(); ++i) {
        // Each row is a difference of vectors of length 1 (or of q and t), over the length of q.
        double const w = 2 / static_cast<double>(q.rows()), length = std::max(q.row(i).norm(), 1e-6);
        double const size = normalised ? w * p.norm() / length : w * p.norm() * (q.row(i).norm() + t.row(i).norm());
        INFO("row " << i);
        CHECK((got.row(i) - expected.row(i)).norm() <= 8 * e * size);
      }
    }
  }
}

TEST_CASE("Gradients are central differences of the loss", "[loss]") {
  for (auto const& [b, f] : {std::pair<Index, Index>{5, 4}, {1, 4}, {1, 1}, {3, 9}})
    for (auto const kind : {loss_kind::normalized, loss_kind::squared})
      for (auto const rows : {reduction::mean, reduction::sum})
        for (double const epsilon : {1e-12, 100.0}) {  // 100: every row is below the floor
          INFO(b << " x " << f << ", epsilon " << epsilon);
          loss_options const options{.kind = kind, .rows = rows, .epsilon = epsilon};
          matrix_d q = latents(b, f, 1);
          matrix_d const t = latents(b, f, 2);
          matrix_d const g = loss_of(q, t, options).gradient;
          double const h = 1e-5;  // truncation h^2 = 1e-10 of a third derivative below 100, rounding eps / h = 1e-11
          matrix_d numeric(b, f);
          for (Index i = 0; i < b; ++i)
            for (Index j = 0; j < f; ++j) {
              double const at = q(i, j);
              q(i, j) = at + h;
              double const up = loss_of(q, t, options).loss;
              q(i, j) = at - h;
              numeric(i, j) = (up - loss_of(q, t, options).loss) / (2 * h);
              q(i, j) = at;
            }
          if (f == 1 && kind == loss_kind::normalized && epsilon < 1)  // on a line directions do not move
            CHECK(g.cwiseAbs().maxCoeff() < 1e-15);
          else
            CHECK(distance(g, numeric) < 1e-7);
        }
}

TEST_CASE("Values at the ends: equal, orthogonal, opposite directions", "[loss]") {
  matrix_d const q = latents(1, 6, 3);
  matrix_d side(1, 6);
  side << -q(1), q(0), -q(3), q(2), -q(5), q(4);
  CHECK_THAT(loss_of(q, (3 * q).eval()).loss, WithinAbs(0, 1e-30));
  CHECK_THAT(loss_of(q, side).loss, WithinRel(2, 1e-14));
  CHECK_THAT(loss_of(q, (-q).eval()).loss, WithinRel(4, 1e-14));
  // The squared loss knows lengths.
  CHECK_THAT(loss_of(q, (3 * q).eval(), {.kind = loss_kind::squared}).loss, WithinRel(4 * q.squaredNorm(), 1e-14));
}

TEST_CASE("Below the floor the gradient is 2 (u - v) / sqrt(epsilon), and both sides agree on it", "[loss]") {
  matrix_d const t = latents(1, 4, 4);
  Eigen::RowVectorXd const v = t.row(0).normalized();
  matrix_d const zero = matrix_d::Zero(1, 4);
  auto const at_zero = loss_of(zero, t);
  CHECK_THAT(at_zero.loss, WithinRel(1, 1e-14));
  CHECK(distance(at_zero.gradient, -2e+6 * v) < 1e-14);  // u = 0
  matrix_d direction = latents(1, 4, 5);
  direction.normalize();
  matrix_d const below = (1e-6 * (1 - 1e-9)) * direction, above = (1e-6 * (1 + 1e-9)) * direction;
  auto const b = loss_of(below, t), a = loss_of(above, t);
  CHECK_THAT(b.loss, WithinRel(a.loss, 1e-8));  // u is continuous
  CHECK(distance(b.gradient, 2e+6 * (direction.row(0) - v)) < 1e-8);
  Eigen::RowVectorXd const across = -v + direction.row(0).dot(v) * direction.row(0);
  CHECK(distance(a.gradient, 2e+6 * across) < 1e-8);
  // A target below the floor is short, and a zero target is none: |u|^2.
  CHECK_THAT(loss_of(t, zero).loss, WithinRel(1, 1e-14));
  CHECK_THAT(loss_of(t, (5e-7 * t / t.norm()).eval()).loss, WithinRel(0.25, 1e-6));
}

TEST_CASE("Sum is b times mean, and every option is a value of its own", "[loss]") {
  matrix_d const q = latents(8, 5, 6), t = latents(8, 5, 7);
  for (auto const kind : {loss_kind::normalized, loss_kind::squared}) {
    auto const mean = loss_of(q, t, {.kind = kind});
    auto const sum = loss_of(q, t, {.kind = kind, .rows = reduction::sum});
    CHECK(sum.loss == 8 * mean.loss);  // a power of two: exact
    CHECK(same_bits(sum.gradient, 8 * mean.gradient));
  }
}

TEST_CASE("Float latents of any length have the loss of their directions", "[loss]") {
  by_columns<float> const q = latents(7, 5, 8).cast<float>(), t = latents(7, 5, 9).cast<float>();
  auto const r = loss_of(q, t);
  for (float const c : {std::exp2(100.f), std::exp2(-15.f)}) {  // up to the floor, at a length of 1e-6
    by_columns<float> const scaled = c * q;
    auto const s = loss_of(scaled, t);
    CHECK(s.loss == r.loss);
    CHECK(same_bits(s.gradient, r.gradient / c));
  }
}

TEST_CASE("What the loss refuses, by name, before it writes", "[loss]") {
  matrix_d const q = latents(4, 3, 10), t = latents(4, 3, 11), narrow = latents(4, 2, 12), none(0, 3);
  workspace<matrix_d> work;
  matrix_d g = matrix_d::Constant(4, 3, 7), small(3, 3), empty(0, 3);
  CHECK_THROWS_WITH(prediction_loss(q, stop_gradient(narrow), g, work),
                    ContainsSubstring("target is 4 x 2, expected 4 x 3"));
  CHECK_THROWS_WITH(prediction_loss(q, stop_gradient(t), small, work), ContainsSubstring("gradient is 3 x 3"));
  CHECK_THROWS_AS(prediction_loss(none, stop_gradient(none), empty, work), selfpred::shape_error);
  CHECK_THROWS_AS(prediction_loss(q, stop_gradient(q), g, work), selfpred::alias_error);
  for (double const bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_THROWS_AS(prediction_loss(q, stop_gradient(t), g, work, {.epsilon = bad}), selfpred::domain_error);
  CHECK(g == matrix_d::Constant(4, 3, 7));
}
