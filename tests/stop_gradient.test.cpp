// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/stop_gradient.hpp>

#include "support/allocations.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using Eigen::MatrixXf;

namespace {
// A tensor that carries a graph: detach gives another one by value.
struct traced {
  MatrixXf m;
  bool graph = true;
};
}  // namespace
template <>
struct selfpred::tensor_traits<traced> : selfpred::shows_memory {
  static auto view(auto& t) { return view_column_major(t.m.data(), t.m.rows(), t.m.cols()); }
  static traced detach(traced const& t) { return {t.m, false}; }
};

TEST_CASE("stop_gradient: an lvalue is viewed, without copy or allocation", "[stop_gradient]") {
  MatrixXf x = MatrixXf::Ones(40, 40);
  allocation_counter scope;
  auto const s = sp::stop_gradient(x);
  long const n = scope.count();
  CHECK(n == 0);
  CHECK(&s.get() == &x);
  x(0, 0) = 5;
  CHECK(s.get()(0, 0) == 5);
  static_assert(std::same_as<decltype(sp::stop_gradient(x)), sp::stopped<MatrixXf const&>>);
  static_assert(std::same_as<decltype(sp::stop_gradient(std::as_const(x))), sp::stopped<MatrixXf const&>>);
}

TEST_CASE("stop_gradient: an rvalue is owned, by move", "[stop_gradient]") {
  MatrixXf x = MatrixXf::Ones(40, 40);
  float const* const data = x.data();
  allocation_counter scope;
  auto s = sp::stop_gradient(std::move(x));
  auto const t = std::move(s);
  long const n = scope.count();
  CHECK(n == 0);
  CHECK(t.get().data() == data);
  static_assert(std::same_as<decltype(s), sp::stopped<MatrixXf>>);
  // a temporary view is kept as a view
  MatrixXf y = MatrixXf::Ones(4, 4);
  auto const block = sp::stop_gradient(y.topRows(2));
  y(1, 3) = 9;
  CHECK(block.get()(1, 3) == 9);
  auto const mapped = sp::stop_gradient(Eigen::Map<MatrixXf const>(y.data(), 2, 2));
  CHECK(mapped.get().data() == y.data());
  auto const remote = sp::stop_gradient(far::remote(selfpred_tests::dense(2, 2, 3)));  // moves only
  CHECK(remote.get().secret(1, 1) == 3);
}

TEST_CASE("stop_gradient: twice is once", "[stop_gradient]") {
  MatrixXf x = MatrixXf::Ones(2, 2);
  auto const once = sp::stop_gradient(x);
  auto const twice = sp::stop_gradient(once);
  static_assert(std::same_as<decltype(once), decltype(twice)>);
  static_assert(std::same_as<decltype(sp::stop_gradient(sp::stop_gradient(MatrixXf()))), sp::stopped<MatrixXf>>);
  CHECK(&twice.get() == &x);
}

TEST_CASE("stop_gradient: what carries a graph is detached", "[stop_gradient]") {
  traced const x{MatrixXf::Ones(2, 2)};
  auto const s = sp::stop_gradient(x);
  static_assert(std::same_as<decltype(s), sp::stopped<traced> const>);
  CHECK_FALSE(s.get().graph);
}

TEST_CASE("stop_gradient: is the only way in, and a stopped tensor is read-only", "[stop_gradient]") {
  static_assert(!std::is_convertible_v<MatrixXf, sp::stopped<MatrixXf>>);
  static_assert(!std::is_constructible_v<sp::stopped<MatrixXf>, MatrixXf>);
  static_assert(!std::is_constructible_v<sp::stopped<MatrixXf const&>, MatrixXf&>);
  static_assert(!std::is_constructible_v<sp::stopped<MatrixXf const&>, sp::stopped<MatrixXf>>);
  static_assert(!std::is_default_constructible_v<sp::stopped<MatrixXf>>);
  static_assert(std::same_as<decltype(std::declval<sp::stopped<MatrixXf>&>().get()), MatrixXf const&>);
  static_assert(sp::stopped_tensor<sp::stopped<MatrixXf> const&> && !sp::stopped_tensor<MatrixXf>);
  static_assert(!sp::tensor<sp::stopped<MatrixXf>>, "so that it cannot pass for a live tensor either");
  static_assert(std::same_as<sp::stopped_value_t<sp::stopped<MatrixXf const&> const&>, MatrixXf>);
  SUCCEED();
}
