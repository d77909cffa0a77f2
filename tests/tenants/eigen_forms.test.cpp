// SPDX-License-Identifier: MIT
// Eigen's own forms, and the library's, against Eigen::MatrixXd.
#include <deque>

#include "support/latents.hpp"
#include "tenants/same_as_eigen.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;

namespace {

/// A form of support/latents.hpp, kept alive.
template <class Form>
auto in_form() {
  return [forms = std::make_shared<std::deque<Form>>()](std::vector<double> const& v, sp::index rows,
                                                        sp::index cols) -> decltype(auto) {
    return forms->emplace_back(Eigen::Map<by_rows<double> const>(v.data(), rows, cols)).get();
  };
}

}  // namespace

TEMPLATE_TEST_CASE("every predictor gives the same numbers on every form of Eigen's", "", float, double) {
  using S = TestType;
  double const tolerance = sizeof(S) == 4 ? 1e-5 : 1e-12;
  tenants::every_rule_same_as_eigen<by_columns<S>>(in_form<owned<by_columns<S>>>(), tolerance);
  tenants::every_rule_same_as_eigen<by_rows<S>>(in_form<mapped<S>>(), tolerance);
  tenants::form_same_as_eigen<by_columns<S>>(in_form<owned<by_rows<S>>>(), tolerance);
  tenants::form_same_as_eigen<by_columns<S>>(in_form<owned<Eigen::Array<S, -1, -1>>>(), tolerance);
  tenants::form_same_as_eigen<by_columns<S>>(in_form<blocked<S>>(), tolerance);
  tenants::form_same_as_eigen<by_columns<S>>(in_form<in_array<S>>(), tolerance);
  tenants::form_same_as_eigen<by_rows<S>>(in_form<with_gaps<S>>(), tolerance);
}

TEST_CASE("bad inputs are refused on Eigen's forms") {
  tenants::refuses_bad_inputs<Eigen::MatrixXf>(in_form<owned<Eigen::MatrixXf>>());
  tenants::refuses_bad_inputs<Eigen::MatrixXd>(in_form<with_gaps<double>>());
}
