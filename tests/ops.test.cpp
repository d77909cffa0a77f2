// SPDX-License-Identifier: MIT
// The verbs themselves: scalars, derived operations, the defaults that an adapter inherits.
#include <selfpred/ops.hpp>
#include <selfpred/strided/operations.hpp>
#include <string>

#include "support/opaque.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;

TEST_CASE("scalars: square_root, reciprocal of zero, value", "[ops]") {
  CHECK(sp::square_root(2.25) == 1.5);
  CHECK(sp::reciprocal(4.0) == 0.25);
  CHECK(sp::reciprocal(0.0) == 0);
  CHECK(sp::value(3.0) == 3.0);
  long const before = far::read_backs;
  far::scalar const r = sp::reciprocal(sp::square_root(far::scalar(16)) * far::scalar(0));
  CHECK(far::read_backs == before);  // arithmetic on a handle is no synchronisation
  CHECK(sp::value(r) == 0);
  CHECK(far::read_backs == before + 1);
}

TEST_CASE("an opaque tensor inherits copy, lerp, gemm_symmetric, overlaps and sums", "[ops]") {
  dense const a = eighths(5, 3, 1), b = eighths(5, 3, 2);
  far::remote const x{a};
  far::remote y{b}, g{dense(3, 3, NAN)};
  sp::lerp(0.25, x, y);
  expect_equal("lerp", read(y), combination(0.25, a, 0.75, b));
  sp::lerp(1.0, x, y);
  expect_equal("lerp with w = 1", read(y), a);
  y = far::remote(dense(5, 3, NAN));
  sp::copy(x, y);
  expect_equal("copy", read(y), a);
  sp::gemm_symmetric(1.0, x, sp::op::transpose, x, sp::op::none, 0.0, g);
  expect_equal("gemm_symmetric", read(g), product(1, a, sp::op::transpose, a, sp::op::none));
  CHECK(sp::overlaps(x, x));
  CHECK_FALSE(sp::overlaps(x, y));
  auto sum = sp::accumulator(x, sp::shape(5, 3));
  sp::accumulate(2.0, x, 0.0, sum);
  sp::accumulate(1.0, y, 1.0, sum);
  sp::narrow(0.5, sum, y);
  expect_equal("narrow", read(y), combination(1.5, a, 0, a));
}

TEST_CASE("clone copies values, whatever copying the class does", "[ops]") {
  far::handle const x{eighths(2, 2, 3)};
  far::handle const shared = x, own = sp::clone(x);
  CHECK(sp::overlaps(x, shared));
  CHECK_FALSE(sp::overlaps(x, own));
  expect_equal("clone", read(own), read(x));
}

TEST_CASE("filled and shape_of, at any rank", "[ops]") {
  sp::host_array<float> const like;
  auto const x = sp::filled(like, sp::shape(std::vector<int>{2, 3, 4}), 1.5);
  CHECK(sp::shape_of(x).text() == "2 x 3 x 4");
  CHECK(sp::dot(x, x) == 24 * 2.25);
  CHECK(sp::shape_of(sp::filled(x, sp::shape(0, 3))) == sp::shape(0, 3));
}

// Verbs are objects: a function of these names in a tensor's own namespace does not take part.
namespace jealous {
struct mat {
  float v[4] = {};
};
template <class T, class U>
std::string dot(T const&, U const&) {
  return "mine";
}
template <class T>
std::string clone(T const&) {
  return "mine";
}
template <class A, class X, class B, class Y>
void axpby(A, X&&, B, Y&&) {
  throw std::logic_error("hijacked");
}
template <class... T>
void copy(T&&...) {
  throw std::logic_error("hijacked");
}
}  // namespace jealous
template <>
struct selfpred::tensor_traits<jealous::mat> : selfpred::shows_memory {
  static auto view(auto& m) { return view_row_major(m.v, 2, 2); }
};
TEST_CASE("the library's verbs are not hijacked by argument-dependent lookup", "[ops]") {
  using selfpred::axpby;
  using selfpred::clone;
  using selfpred::copy;
  using selfpred::dot;
  jealous::mat x{{1, 2, 3, 4}}, y;
  copy(x, y);
  axpby(1.0, x, 1.0, y);
  auto const z = clone(y);
  static_assert(std::same_as<decltype(dot(x, y)), double>);
  static_assert(std::same_as<sp::owner_t<jealous::mat>, sp::host_array<float>>, "no owner named: the library's");
  CHECK(dot(x, z) == 60);
}

// A shape with a static rank 1 and a type that only reads.
namespace window {
struct span {
  float const* p;
  int n;
};
}  // namespace window
template <>
struct selfpred::tensor_traits<window::span> : selfpred::shows_memory {
  static auto view(auto& s) { return view_tensor<1>(s.p, std::array{s.n}, std::array{1}); }
};
TEST_CASE("a read-only tensor of rank 1 is a tensor, has an owner, and is no output", "[ops]") {
  static_assert(sp::tensor<window::span> && !sp::matrix<window::span> && !sp::writable<window::span>);
  float const v[] = {1, 2, 3};
  window::span const s{v, 3};
  CHECK(sp::dot(s, s) == 14);
  CHECK(sp::clone(s).values == std::vector<float>{1, 2, 3});
}
