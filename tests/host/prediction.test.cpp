// SPDX-License-Identifier: MIT
// The loss of a linear prediction as one operation: the numbers of its pieces, in any order of memory.
#include <selfpred/loss.hpp>
#include <selfpred/strided/array.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Eigen::Index;
using selfpred::linear_prediction_loss;
using selfpred::op;
using selfpred::stop_gradient;
using selfpred::workspace;

namespace {

/// The loss of dense matrices and its gradient in z, in double, from the formula.
struct reference {
  double loss = 0;
  matrix_d gradient;

  reference(matrix_d const& z, matrix_d const& p, matrix_d const& t, double epsilon, double weight)
      : gradient(z.rows(), z.cols()) {
    matrix_d const q = z * p;
    for (Index i = 0; i < z.rows(); ++i) {
      double const length = std::sqrt(std::max(q.row(i).squaredNorm(), epsilon));
      bool const floored = q.row(i).squaredNorm() < epsilon;
      auto const unit = [](auto const& x, double floor) {
        double const square = std::max(x.squaredNorm(), floor);
        return matrix_d(square > 0 ? matrix_d(x / std::sqrt(square)) : matrix_d(x));
      };
      matrix_d const u = unit(q.row(i), epsilon), v = unit(t.row(i), epsilon), d = u - v;
      loss += weight * d.squaredNorm();
      matrix_d const g = 2 * weight / length * (floored ? d : matrix_d(d - d.cwiseProduct(u).sum() * u));
      gradient.row(i) = length > 0 ? matrix_d(g * p.transpose()) : matrix_d::Zero(1, z.cols());
    }
  }
};

template <class M>
double largest(M const& x) {
  return dense(x).cwiseAbs().maxCoeff();
}

}  // namespace

TEMPLATE_TEST_CASE("The loss of Z P and dL/dZ, in any order of memory", "[prediction]", by_columns<float>,
                   by_rows<float>, by_columns<double>, by_rows<double>) {
  using M = TestType;
  using S = typename M::Scalar;
  // From one row to several blocks of rows; edges of panels and tiles; more than one chunk of terms and not a whole one.
  for (auto const& [b, f] :
       {std::pair<Index, Index>{1, 1}, {1, 2}, {2, 3}, {16, 16}, {47, 31}, {49, 97}, {200, 300}, {2500, 9}, {150, 261}})
    for (bool const strided : {false, true}) {
      INFO(b << " x " << f << (strided ? ", strided" : ""));
      Index const step = strided ? 2 : 1;
      matrix_d zd = latents(b, f, 1), td = latents(b, f, 2), pd = latents(f, f, 3) / std::sqrt(double(f));
      pd.diagonal().array() += 1;
      if (b > 2) zd.row(b / 2).setZero(), td.row(b / 3).setZero();
      M z = M::Zero(step * b, f), t = M::Zero(b, step * f), g = M::Constant(b, step * f, S(NAN)), p = pd.cast<S>();
      using stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
      auto const every = [&](M& m, Index inner, Index outer) {
        return Eigen::Map<M, 0, stride>(m.data(), b, f, stride(outer, inner));
      };
      constexpr bool columns = !M::IsRowMajor;
      auto zs = every(z, columns ? step : 1, columns ? step * b : step * f);
      auto ts = every(t, columns ? 1 : step, columns ? step * b : step * f);
      auto gs = every(g, columns ? 1 : step, columns ? step * b : step * f);
      zs = zd.cast<S>(), ts = td.cast<S>();
      if (b > 2 && sizeof(S) == sizeof(float)) zs.row(0) *= S(1e-8);  // below the floor, and of a size that float has
      zd = dense(zs), td = dense(ts), pd = dense(p);
      auto const at_once = selfpred::detail::loss_at_once(zs, p, ts, 1.0, gs, {});
      REQUIRE(at_once.has_value());
      double const loss = *at_once;
      double const weight = 1 / static_cast<double>(b);
      reference const expected(zd, pd, td, 1e-12, weight);
      double const e = eps<S> * (8 + std::sqrt(static_cast<double>(f)));  // sums of f products, rounded as they grow
      CHECK(std::abs(loss - expected.loss) <= 2 * e * std::max(1.0, expected.loss));
      for (Index i = 0; i < b; ++i) {
        double const length = std::max((zd.row(i) * pd).norm(), 1e-6);
        CHECK((dense(gs).row(i) - expected.gradient.row(i)).norm() <= 4 * e * weight * pd.norm() / length);
      }
      if (strided) {  // between its elements the result is as it was
        gs.setZero();
        CHECK(g.array().isNaN().count() == g.size() - gs.size());
      }
    }
}

TEMPLATE_TEST_CASE("At once and in pieces", "[prediction]", by_columns<float>, by_columns<double>, by_rows<float>) {
  using M = TestType;
  using S = typename M::Scalar;
  using selfpred::host_operations;
  auto const at_once = [](Index b, Index f) {
    M const z = latents(b, f, 1).cast<S>(), p = latents(f, f, 2).cast<S>();
    M const t = latents(b, f, 3).cast<S>();
    M g(b, f), q(b, f), dq(b, f), pieces(b, f);
    auto const loss = host_operations<S>::linear_prediction_loss(
        1e-12, 0.5, -3.0, selfpred::detail::operand(z), selfpred::detail::operand(p), selfpred::detail::operand(t),
        selfpred::detail::operand(g));
    if (!loss) return false;
    workspace<M> work;
    selfpred::gemm(1.0, z, op::none, p, op::none, 0.0, q);
    double const other = selfpred::prediction_loss(q, stop_gradient(t), dq, work, {.rows = selfpred::reduction::sum});
    selfpred::gemm(-1.5, dq, op::none, p, op::transpose, 0.0, pieces);
    double const e = eps<S>;  // the same operations; a compiler may join other multiplications and additions
    // Of double rows the loss is a sum of b f squares, in another order.
    CHECK(std::abs(*loss - other / 2) <= (4 + std::sqrt(static_cast<double>(b * f))) * e * other);
    CHECK(distance(g, dense(pieces)) <= 64 * e);
    return true;
  };
  CHECK(at_once(100, 60));
  CHECK(at_once(30, 60));
  CHECK(at_once(600, 1024));
  CHECK_FALSE(at_once(29, 60));     // could not be split
  CHECK_FALSE(at_once(513, 1025));  // would be packed twice
}

TEST_CASE("A NaN is in the loss and in the gradient of its row alone", "[prediction]") {
  by_columns<float> z = latents(70, 20, 1).cast<float>(), t = latents(70, 20, 2).cast<float>();
  by_columns<float> const p = latents(20, 20, 3).cast<float>();
  by_columns<float> g(70, 20);
  workspace<by_columns<float>> work;
  z(33, 7) = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(linear_prediction_loss(z, p, stop_gradient(t), g, work)));
  for (Index i = 0; i < 70; ++i) CHECK(g.row(i).hasNaN() == (i == 33));
}

TEST_CASE("linear_prediction_loss refuses by name", "[prediction]") {
  matrix_d z = latents(6, 4, 1), g(6, 4);
  matrix_d const p = latents(4, 4, 2), t = latents(6, 4, 3), wide = latents(6, 5, 4), empty(0, 4);
  matrix_d none(0, 4);
  workspace<matrix_d> work;
  CHECK_THROWS_WITH(linear_prediction_loss(z, wide, stop_gradient(t), g, work),
                    ContainsSubstring("linear_prediction_loss: p is 6 x 5, expected 4 x 4"));
  CHECK_THROWS_WITH(linear_prediction_loss(z, p, stop_gradient(wide), g, work),
                    ContainsSubstring("linear_prediction_loss: target is 6 x 5, expected 6 x 4"));
  CHECK_THROWS_WITH(linear_prediction_loss(z, p, stop_gradient(t), none, work),
                    ContainsSubstring("linear_prediction_loss: gradient is 0 x 4, expected 6 x 4"));
  CHECK_THROWS_AS(linear_prediction_loss(empty, p, stop_gradient(empty), none, work), selfpred::shape_error);
  CHECK_THROWS_AS(linear_prediction_loss(z, p, stop_gradient(z), g, work), selfpred::alias_error);
  CHECK_THROWS_AS(linear_prediction_loss(z, p, stop_gradient(t), g, work, {.epsilon = -1}), selfpred::domain_error);
}
