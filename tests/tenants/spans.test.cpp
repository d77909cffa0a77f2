// SPDX-License-Identifier: MIT
// Elements that know no shape: vectors, spans and pointers under shaped(...), and Eigen's own forms beside them.
#include <deque>
#include <selfpred/host/eigh.hpp>
#include <selfpred/testing/conformance.hpp>

#include "support/latents.hpp"
#include "tenants/same_as_eigen.hpp"

namespace sp = selfpred;
using sp::memory_order;

namespace {

template <class S>
struct kept {
  std::deque<std::vector<S>> memory;
  std::vector<S> const& keep(std::vector<double> const& v) { return memory.emplace_back(v.begin(), v.end()); }

  auto by_rows(std::vector<double> const& v, sp::index rows, sp::index cols) { return sp::shaped(keep(v), rows, cols); }
  auto by_columns(std::vector<double> const& v, sp::index rows, sp::index cols) {
    std::vector<S> turned(v.size());
    sp::copy_in(v, sp::shaped<memory_order::column_major>(turned, rows, cols));
    memory.push_back(std::move(turned));
    return sp::shaped<memory_order::column_major>(std::span<S const>(memory.back()), rows, cols);
  }
  auto pointer(std::vector<double> const& v, sp::index rows, sp::index cols) {
    return sp::shaped(keep(v).data(), rows, cols);
  }
};
/// A form of support/latents.hpp, kept alive.
template <class Form>
auto in_form() {
  return [forms = std::make_shared<std::deque<Form>>()](std::vector<double> const& v, sp::index rows,
                                                        sp::index cols) -> decltype(auto) {
    return forms->emplace_back(Eigen::Map<selfpred_tests::by_rows<double> const>(v.data(), rows, cols)).get();
  };
}

}  // namespace

TEST_CASE("a shaped vector obeys every law") {
  std::vector<float> v(6, 0.5F);
  std::vector<double> const w(6, 0.5);
  auto const run = [](auto const& like) {
    auto const report = sp::testing::conformance(like);
    INFO(report.text());
    CHECK(report.passed());
    return report.capabilities.size();
  };
  CHECK(run(sp::shaped(v, 2, 3)) == 5);
  CHECK(run(sp::shaped<memory_order::column_major>(w, 2, 3)) == 5);
  CHECK(run(sp::shaped(v, 1, 2, 3)) == 1);
  CHECK(run(v) == 1);
  CHECK(run(std::span(w)) == 1);
  CHECK(run(std::array<float, 3>{1, 2, 3}) == 1);
}

TEMPLATE_TEST_CASE("every predictor gives Eigen's numbers on shaped vectors", "", float, double) {
  using T = sp::host_array<TestType>;
  double const tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-12;
  kept<TestType> k;
  tenants::every_rule_same_as_eigen<T>([&](auto const&... a) { return k.by_rows(a...); }, tolerance);
  tenants::every_rule_same_as_eigen<T>([&](auto const&... a) { return k.by_columns(a...); }, tolerance);
  tenants::every_rule_same_as_eigen<sp::matrix_view<TestType const>>([&](auto const&... a) { return k.pointer(a...); },
                                                                     tolerance);
}

TEMPLATE_TEST_CASE("every predictor gives the same numbers on every form of Eigen's", "", float, double) {
  using S = TestType;
  using namespace selfpred_tests;
  double const tolerance = sizeof(S) == 4 ? 1e-5 : 1e-12;
  tenants::every_rule_same_as_eigen<by_columns<S>>(in_form<owned<by_columns<S>>>(), tolerance);
  tenants::every_rule_same_as_eigen<by_rows<S>>(in_form<owned<by_rows<S>>>(), tolerance);
  tenants::every_rule_same_as_eigen<by_columns<S>>(in_form<owned<Eigen::Array<S, -1, -1>>>(), tolerance);
  tenants::every_rule_same_as_eigen<typename mapped<S>::tensor>(in_form<mapped<S>>(), tolerance);
  tenants::every_rule_same_as_eigen<by_columns<S>>(in_form<blocked<S>>(), tolerance);
  tenants::every_rule_same_as_eigen<sp::host_array<S>>(in_form<in_array<S>>(), tolerance);
  tenants::every_rule_same_as_eigen<by_rows<S>>(in_form<with_gaps<S>>(), tolerance);
}

TEST_CASE("bad inputs are refused, whatever holds them") {
  kept<float> f;
  kept<double> d;
  tenants::refuses_bad_inputs<sp::host_array<float>>([&](auto const&... a) { return f.by_rows(a...); });
  tenants::refuses_bad_inputs<sp::host_array<double>>([&](auto const&... a) { return d.by_columns(a...); });
  tenants::refuses_bad_inputs<Eigen::MatrixXf>(in_form<selfpred_tests::owned<Eigen::MatrixXf>>());
  tenants::refuses_bad_inputs<Eigen::MatrixXd>(in_form<selfpred_tests::with_gaps<double>>());
}
