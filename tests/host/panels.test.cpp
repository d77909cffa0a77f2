// SPDX-License-Identifier: MIT
// Panels by themselves: squares in and out of every kind of view, and products that must be exact.
#include <selfpred/host/engine.hpp>

#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using sp::detail::panels;

namespace {

template <class S>
struct packed {
  using P = panels<S>;
  struct alignas(64) line {
    S values[P::rows];
  };
  std::vector<line> memory;
  S* data;
  explicit packed(sp::index squares, S v = S(-7)) : memory(static_cast<std::size_t>(squares * P::rows)) {
    data = memory.data()->values;
    std::fill_n(data, squares * P::square, v);
  }
};

template <class S>
std::vector<sp::matrix_view<S>> views(std::vector<S>& memory, sp::index m, sp::index n) {
  memory.assign(static_cast<std::size_t>(6 * m * n + 4 * m), S(-5));
  S *const p = memory.data(), *const last = p + m * n - 1;
  return {sp::view_row_major(p, m, n),         sp::view_column_major(p, m, n),
          sp::view_matrix(p, m, n, 2, 3 * m),  sp::view_matrix(p, m, n, n + 3, 1),
          sp::view_matrix(last, m, n, -n, -1), sp::view_matrix(p + m * (n - 1), m, n, 1, -m)};
}

}  // namespace

TEMPLATE_TEST_CASE("panels: squares of every view, in and out, edges padded with zeros", "[host][panels]", float,
                   double) {
  using P = panels<TestType>;
  sp::index const r = P::rows;
  for (sp::index m : {1L, r - 1, r, r + 1, 2 * r + 3})
    for (sp::index n : {1L, r - 1, r, r + 1, 2 * r + 3}) {
      dense const a = eighths(m, n, 1);
      for (std::size_t how = 0; how < 6; ++how) {
        std::vector<TestType> memory, other;
        auto w = views(memory, m, n)[how], z = views(other, m, n)[how];
        sp::copy_in(a.v, w);
        bool padded = true;
        for (sp::index p = 0; p < P::count(m); ++p)
          for (sp::index q = 0; q < P::count(n); ++q) {
            packed<TestType> square(1);
            P::pack(w, p, q, square.data);
            for (sp::index j = 0; j < r; ++j)
              for (sp::index i = 0; i < r; ++i) {
                bool const inside = p * r + i < m && q * r + j < n;
                double const expected = inside ? a(p * r + i, q * r + j) : 0;
                padded &= static_cast<double>(square.data[j * r + i]) == expected;
              }
            P::unpack(square.data, TestType(0.5), TestType(0), z, p, q);
            P::unpack(square.data, TestType(2), TestType(-3), z, p, q);  // 2 - 3 / 2
          }
        CAPTURE(m, n, how);
        CHECK(padded);
        expect_equal("a c + b z", read(z), combination(0.5, a, 0, a));
        TestType const untouched = other.back();
        CHECK(untouched == TestType(-5));
      }
    }
}

TEMPLATE_TEST_CASE("panels: unpack with b = 0 does not read", "[host][panels]", float, double) {
  using P = panels<TestType>;
  for (sp::index n : {3L, sp::index(P::rows)})
    for (std::size_t how : {0U, 1U, 2U}) {
      std::vector<TestType> memory;
      auto z = views(memory, n, n)[how];
      sp::copy_in(dense(n, n, NAN).v, z);
      packed<TestType> one(1, TestType(1));
      P::unpack(one.data, TestType(1), TestType(0), z, 0, 0);
      expect_equal("ones", read(z), dense(n, n, 1));
    }
}

TEMPLATE_TEST_CASE("panels: tiles set, negate, add and subtract any number of terms", "[host][panels]", float, double) {
  using P = panels<TestType>;
  using into = typename P::into;
  sp::index const r = P::rows;
  for (sp::index k : {0L, 1L, 2L, 3L, r, 2 * r})
    for (into how : {into::set, into::negated, into::sum, into::difference}) {
      dense const a = eighths(3 * r, 2 * r, 1), b = eighths(2 * r, 2 * r, 2), c = eighths(3 * r, 2 * r, 3);
      packed<TestType> pa(6), pb(4), pc(6);
      for (sp::index i = 0; i < 3 * r; ++i)
        for (sp::index j = 0; j < 2 * r; ++j) {
          sp::index const at = i / r * 2 * P::square + j * r + i % r;
          pa.data[at] = static_cast<TestType>(a(i, j)), pc.data[at] = static_cast<TestType>(c(i, j));
          if (i < 2 * r) pb.data[at] = static_cast<TestType>(b(i, j));
        }
      P::groups(0, 3, [&](sp::index p, auto t) {
        P::template strip<t>(k, pa.data + p * 2 * P::square, 2 * P::square, pb.data, 2 * P::square,
                             pc.data + p * 2 * P::square, 2 * P::square, P::wide, 2 * r, how);
      });
      bool same = true;
      for (sp::index i = 0; i < 3 * r; ++i)
        for (sp::index j = 0; j < 2 * r; ++j) {
          double s = 0;
          for (sp::index l = 0; l < k; ++l) s += a(i, l) * b(j, l);
          bool const keeps = how == into::sum || how == into::difference;
          bool const negative = how == into::negated || how == into::difference;
          double const expected = j < P::wide ? c(i, j) : (keeps ? c(i, j) : 0) + (negative ? -s : s);
          same &= static_cast<double>(pc.data[i / r * 2 * P::square + j * r + i % r]) == expected;
        }
      CAPTURE(k, int(how));
      CHECK(same);
    }
}

TEMPLATE_TEST_CASE("panels: one triangle gives the whole product, in every view and at sizes that nothing divides",
                   "[host][panels]", float, double) {
  for (sp::index n : {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100})
    for (sp::index k : {0, 1, 7, 16, 129, 257})
      for (std::size_t how : {0U, 1U, 2U, 4U, 5U}) {
        if (n > 40 && how > 1) continue;
        // Entries of -1, 0 and 1: exact in float.
        dense x = eighths(k, n, 4);
        for (auto& v : x.v) v = v > 0.25 ? 1 : v < -0.25 ? -1 : 0;
        std::vector<TestType> memory, out;
        auto v = k == 0 ? sp::view_row_major(memory.data(), k, n) : views(memory, k, n)[how];
        auto z = views(out, n, n)[how];
        sp::copy_in(x.v, v);
        dense const c = eighths(n, n, 5), both = combination(0.5, c, 0.5, c.transposed());
        dense const expected = product(1, x, sp::op::transpose, x, sp::op::none);
        std::vector<TestType> memory_of_copy;
        auto w = k == 0 ? v : views(memory_of_copy, k, n)[how];
        sp::copy_in(x.v, w);
        for (bool gram : {true, false}) {
          using products = sp::detail::panel_products<TestType>;
          sp::copy_in(dense(n, n, NAN).v, z);
          products::gemm_symmetric(1, v.transposed(), gram ? v : w, 0, z);
          dense const got = read(z);
          sp::copy_in(both.v, z);
          products::gemm_symmetric(-0.5, v.transposed(), gram ? v : w, 2, z);
          dense const more = read(z);
          CAPTURE(n, k, how, gram);
          if (got != expected) expect_equal("x^T x", got, expected);
          if (more != combination(-0.5, expected, 2, both))
            expect_equal("a, b", more, combination(-0.5, expected, 2, both));
        }
      }
  SUCCEED("every mismatch is a failed check of its own");
}
