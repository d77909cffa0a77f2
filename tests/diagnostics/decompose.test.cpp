// SPDX-License-Identifier: MIT
#include <Eigen/SVD>

#include "diagnostics/known.hpp"

using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using diagnostics::latent_spectrum;
using diagnostics::rank_me;
using diagnostics::singular_values;

namespace {

template <class M>
numbers spectrum_of(M const& s, double scale = 1) {
  return latent_spectrum(selfpred::covariances<M>{s, s, scale, 1, 1});
}
void near(numbers const& got, numbers const& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK_THAT(got[i], WithinAbs(expected[i], tolerance));
}

}  // namespace

TEMPLATE_TEST_CASE("singular values: largest first, small ones to eps of the largest", "[diagnostics][decompose]",
                   by_columns<float>, by_rows<double>) {
  using S = typename TestType::Scalar;
  // 1e-4 of the largest is below sqrt(eps) in float: from the eigenvalues of m^T m it would be lost.
  numbers const d{2, 1, 0.5, 1e-4, 0};
  TestType const m = with_values({0.5, 0, 1e-4, -2, 1}, 1, 2).template cast<S>();
  near(singular_values(m), d, 20 * eps<S>);
  for (double const c : {0x1p+100, 0x1p-100}) {
    TestType const scaled = static_cast<S>(c) * m;
    auto got = singular_values(scaled);
    for (double& x : got) x /= c;
    near(got, d, 20 * eps<S>);
  }
  // Rectangular, both ways; of a block of a larger matrix.
  matrix_d const tall = orthogonal(6, 3).leftCols(2) * diagonal({3, 0.25});
  TestType const t = tall.cast<S>(), w = t.transpose();
  near(singular_values(t), {3, 0.25}, 20 * eps<S>);
  near(singular_values(w), {3, 0.25}, 20 * eps<S>);
  near(singular_values(m.block(0, 0, 5, 5)), d, 20 * eps<S>);
  CHECK(singular_values(TestType(TestType::Zero(2, 3))) == numbers{0, 0});
  near(singular_values(TestType(TestType::Constant(1, 1, S(-3)))), {3}, 3 * eps<S>);
}

TEST_CASE("singular values are refused where there are none", "[diagnostics][decompose]") {
  matrix_d m = matrix_d::Identity(2, 2);
  for (double const x : {double(NAN), double(INFINITY)}) {
    m(1, 0) = x;
    CHECK_THROWS_WITH(singular_values(m),
                      "singular_values: the matrix has a NaN or an infinity, expected finite values");
    CHECK_THROWS_AS(spectrum_of(m), selfpred::non_finite_error);
  }
  CHECK_THROWS_AS(spectrum_of(matrix_d(matrix_d::Zero(2, 3))), selfpred::shape_error);
  CHECK_THROWS_AS(spectrum_of(matrix_d(0, 0)), selfpred::shape_error);
}

TEMPLATE_TEST_CASE("The resolution of a tensor is found, not asked for", "[diagnostics][decompose]", float, double) {
  CHECK(diagnostics::detail::resolution(by_columns<TestType>(1, 1)) == eps<TestType>);
}

TEMPLATE_TEST_CASE("The latents' spectrum: scale put back, rounding left out", "[diagnostics][decompose]",
                   by_columns<float>, by_columns<double>) {
  using S = typename TestType::Scalar;
  numbers const l{0, 0, 0.25, 1, 2};
  TestType const s = with_values(l).template cast<S>();
  auto const got = spectrum_of(s);
  near(got, l, 20 * eps<S>);
  CHECK((got[0] == 0 && got[1] == 0));
  auto scaled = spectrum_of(s, 0x1p+200);
  for (double& x : scaled) x *= 0x1p-200;
  CHECK(scaled == got);
  CHECK(spectrum_of(TestType(TestType::Zero(3, 3))) == numbers{0, 0, 0});
}

TEMPLATE_TEST_CASE("RankMe of latents: from any batches, what an SVD of all of them gives", "[diagnostics][decompose]",
                   by_columns<float>, by_columns<double>) {
  using S = typename TestType::Scalar;
  matrix_d const a = latents(24, 6, 1) * with_values({1, 0.5, 0.5, 0.25, 0.125, 0.125}), b = latents(24, 6, 2);
  matrix_d both(48, 6);
  both << a, b;
  Eigen::VectorXd const s = both.bdcSvd().singularValues();
  double const expected = diagnostics::effective_rank({s.data(), static_cast<std::size_t>(s.size())});
  for (auto const& sizes : splits) {
    selfpred::statistics<TestType> sums;
    TestType const u = a.cast<S>(), v = b.cast<S>();
    in_batches(u, sizes, [&](TestType const& z, Index row) { sums.add(z, TestType(v.middleRows(row, z.rows()))); });
    // Half the relative error of an eigenvalue, f eps l_max / l at l = l_max / 100.
    CHECK_THAT(rank_me(sums.compute()), WithinRel(expected, 600 * eps<S>));
  }
}

TEMPLATE_TEST_CASE("RankMe of a line, of latents with nothing in them, of huge and tiny ones",
                   "[diagnostics][decompose]", by_columns<float>, by_columns<double>) {
  using S = typename TestType::Scalar;
  auto const rank = [](TestType const& z) {
    selfpred::statistics<TestType> sums;
    sums.add(z, z);
    return rank_me(sums.compute());
  };
  TestType const line = (latents(40, 1, 3) * latents(1, 12, 4)).cast<S>();
  CHECK_THAT(rank(line), WithinAbs(1, 12 * 1.7e-6));  // in float too: noise is cut, else this is 1.01
  CHECK(rank(TestType::Zero(5, 3)) == 0);
  TestType const z = latents(20, 5, 5).cast<S>();
  for (double const c : {1e+30, 1e-30}) CHECK_THAT(rank(static_cast<S>(c) * z), WithinRel(rank(z), 100 * eps<S>));
}

TEST_CASE("Spectra of a tensor elsewhere", "[diagnostics][decompose]") {
  near(singular_values(sent(with_values({3, -1, 2}))), {3, 2, 1}, 1e-14);
  auto const s = sent(with_values({0, 1, 4}));
  CHECK_THAT(rank_me(selfpred::covariances<far::decomposed>{s, s, 4, 1, 1}, 0),
             WithinRel(diagnostics::effective_rank(numbers{1, 2}, 0), 1e-12));
}
