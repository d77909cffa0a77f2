// SPDX-License-Identifier: MIT
#include <selfpred/strided/operations.hpp>
#include <selfpred/workspace.hpp>

#include "support/allocations.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using matrix = sp::host_array<float>;

TEST_CASE("workspace: a slot keeps its tensor, its values and its address", "[workspace]") {
  sp::workspace<matrix> work;
  matrix const like;
  matrix& a = work.get(0, like, 2, 3);
  CHECK(a.values == std::vector<float>(6, 0.0f));
  a.values[0] = 4;
  matrix& b = work.get(5, like, sp::shape(2, 3), 1.5);
  CHECK(b.values == std::vector<float>(6, 1.5f));
  CHECK(&a != &b);
  for (std::size_t slot = 6; slot < 100; ++slot) work.get(slot, like, 1, 1);
  CHECK(&work.get(0, like, 2, 3) == &a);
  CHECK(a.values[0] == 4);
  CHECK(work.get(5, like, sp::shape(2, 3), 9).values[0] == 1.5f);  // the value is for the first use
  CHECK(work.size() == 6 + 6 + 94);
}

TEST_CASE("workspace: equal sizes of different shape are different tensors", "[workspace]") {
  sp::workspace<matrix> work;
  matrix const like;
  matrix const* const a = &work.get(0, like, 2, 3);
  matrix const* const b = &work.get(0, like, 3, 2);
  CHECK(a != b);
  CHECK(&work.get(0, like, 2, 3) == a);
}

TEST_CASE("workspace: alternating shapes allocate once each", "[workspace]") {
  sp::workspace<matrix> work;
  matrix const like;
  auto const epoch = [&] {
    for (sp::index rows : {32, 32, 7, 12, 5}) work.get(0, like, rows, 4), work.get(1, like, rows, 8);
  };
  epoch();
  allocation_counter scope;
  epoch();
  epoch();
  long const n = scope.count();
  CHECK(n == 0);
}

TEST_CASE("workspace: of many shapes the least recently used one goes", "[workspace]") {
  sp::workspace<matrix> work;
  matrix const like;
  for (sp::index rows : {1, 2, 3, 4}) work.get(0, like, rows, 1).values[0] = static_cast<float>(rows);
  work.get(0, like, 1, 1);
  work.get(0, like, 5, 1);  // 2 is the oldest now
  CHECK(work.size() == 1 + 3 + 4 + 5);
  CHECK(work.get(0, like, 1, 1).values[0] == 1);
  CHECK(work.get(0, like, 3, 1).values[0] == 3);
  CHECK(work.get(0, like, 2, 1).values[0] == 0);
  CHECK(work.size() == 1 + 3 + 5 + 2);
}

TEST_CASE("workspace: tensors that only move", "[workspace]") {
  sp::workspace<far::remote> work;
  far::remote const like;
  far::remote& a = work.get(0, like, 2, 2);
  sp::add_diagonal(1.0, a);
  CHECK(work.get(0, like, 2, 2).secret(1, 1) == 1);
}
