// SPDX-License-Identifier: MIT
// Elements that know no shape: vectors, spans and pointers under shaped(...).
#include <deque>
#include <selfpred/host/eigh.hpp>
#include <selfpred/testing/conformance.hpp>

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
  tenants::form_same_as_eigen<T>([&](auto const&... a) { return k.by_columns(a...); }, tolerance);
  tenants::form_same_as_eigen<T>([&](auto const&... a) { return k.pointer(a...); }, tolerance);
}

TEST_CASE("bad inputs are refused on shaped vectors") {
  kept<float> f;
  kept<double> d;
  tenants::refuses_bad_inputs<sp::host_array<float>>([&](auto const&... a) { return f.by_rows(a...); });
  tenants::refuses_bad_inputs<sp::host_array<double>>([&](auto const&... a) { return d.by_columns(a...); });
}
