// SPDX-License-Identifier: MIT
#include <array>
#include <list>
#include <memory>
#include <selfpred/view.hpp>
#include <vector>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/dense.hpp"

namespace sp = selfpred;
using selfpred_tests::thrown;

TEST_CASE("shape: extents, size, text", "[view]") {
  CHECK(sp::shape().text() == "scalar");
  CHECK(sp::shape().size() == 1);
  CHECK(sp::shape(3, 4).text() == "3 x 4");
  CHECK(sp::shape(3, 4).size() == 12);
  CHECK(sp::shape(3, 4).rows() == 3);
  CHECK(sp::shape(3, 4).cols() == 4);
  CHECK(sp::shape(0, 4).size() == 0);
  CHECK(sp::shape(std::vector<int>{2, 3, 5}).text() == "2 x 3 x 5");
  CHECK(sp::shape(std::list<long>{7}).rank == 1);
  CHECK(sp::shape(std::array<std::size_t, 2>{3, 4}) == sp::shape(3, 4));
  CHECK(sp::shape(std::array<int, 3>{3, 4, 1}) != sp::shape(3, 4));
  CHECK(sp::shape(std::vector<int>(8, 1)).rank == 8);
  CHECK(thrown<sp::shape_error>([] { sp::shape(std::vector<int>(9, 1)); }) ==
        "shape: rank is above 8, expected at most 8");
  static_assert(sp::shape(3, 4).size() == 12, "shapes are constant expressions");
}

TEST_CASE("shape: making and comparing never allocates", "[view]") {
  std::array<int, 8> const extents{1, 2, 3, 4, 5, 6, 7, 8};
  allocation_counter scope;
  bool const same = sp::shape(extents) == sp::shape(extents);
  long const n = scope.count();
  CHECK(same);
  CHECK(n == 0);
}

TEST_CASE("allocation_counter counts malloc, operator new and aligned memory", "[view]") {
  if (!selfpred_tests::counting_supported) return;
  struct alignas(256) wide {
    char bytes[256];
  };
  // Compilers may leave out memory that nobody looks at: clang does.
  auto const keep = [](void const* p) { asm volatile("" : : "g"(p) : "memory"); };
  allocation_counter scope;
  auto const a = std::make_unique<wide>();
  keep(a.get());
  long const one = scope.count();
  std::vector<float> const b(100);
  keep(b.data());
  long const two = scope.count();
  void* const first = std::malloc(10);
  keep(first);
  void* const c = std::realloc(first, 10'000);
  keep(c);
  long const four = scope.count();
  std::free(c);
  CHECK(one == 1);
  CHECK(two == 2);
  CHECK(four == 4);
}

TEST_CASE("view makers put elements where they say", "[view]") {
  std::vector<float> v(24);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i);
  std::size_t const rows = 2, cols = 3;  // unsigned on purpose: makers take any integers
  CHECK(sp::view_row_major(v.data(), rows, cols)(1, 2) == 5);
  CHECK(sp::view_column_major(v.data(), rows, cols)(1, 2) == 5);
  CHECK(sp::view_column_major(v.data(), rows, cols)(1, 0) == 1);
  CHECK(sp::view_row_major(v.data(), rows, cols)(1, 0) == 3);
  CHECK(sp::view_matrix(v.data(), rows, cols, 12, 4)(1, 2) == 20);
  CHECK(sp::view_row_major(v.data(), rows, cols).transposed()(2, 1) == 5);
  CHECK(sp::view_row_major(v.data(), rows, cols).transposed().shape() == sp::shape(3, 2));

  auto const t = sp::view_dense(v.data(), sp::shape(std::vector<int>{2, 3, 4}));
  CHECK(t.rank == 3);
  CHECK(t.stride[0] == 12);
  CHECK(t.stride[1] == 4);
  CHECK(t.stride[2] == 1);
  auto const u = sp::view_tensor<3>(v.data(), std::vector<int>{2, 3, 4}, std::vector<int>{12, 4, 1});
  CHECK(u.shape() == t.shape());
  CHECK(u.stride == std::array<sp::index, 3>{12, 4, 1});
}

TEST_CASE("view_tensor refuses ranks that do not fit", "[view]") {
  float x = 0;
  CHECK(thrown<sp::shape_error>([&] {
          sp::view_tensor(&x, std::vector<int>{2, 3}, std::vector<int>{1});
        }) == "view_tensor: rank of the strides is 1, expected 2");
  CHECK_THROWS_AS(sp::view_tensor<3>(&x, (std::vector<int>{2, 3}), (std::vector<int>{3, 1})), sp::shape_error);
}

TEST_CASE("a view of any rank becomes one of static rank only where it has it", "[view]") {
  std::vector<float> v(24);
  auto const any = sp::view_dense(v.data(), sp::shape(4, 6));
  sp::matrix_view<float const> const matrix = any;
  CHECK(matrix.data == v.data());
  CHECK(matrix.stride[0] == 6);
  auto const cube = sp::view_dense(v.data(), sp::shape(std::vector<int>{2, 3, 4}));
  CHECK(thrown<sp::shape_error>([&] { sp::matrix_view<float>{cube}; }) == "strided: rank is 3, expected 2");
  static_assert(!std::is_convertible_v<sp::strided<float const>, sp::strided<float>>, "const is never cast away");
  static_assert(!std::is_convertible_v<sp::strided<float, 3>, sp::strided<float, 2>>, "known ranks are checked early");
  static_assert(!std::is_convertible_v<sp::strided<float>, sp::strided<double const>>);
}
