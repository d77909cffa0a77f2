// SPDX-License-Identifier: MIT
#include <map>
#include <selfpred/optimizer/streams.hpp>

#include "support/catch.hpp"

namespace sp = selfpred;
using layout = std::array<sp::index, sp::max_rank>;

TEST_CASE("stream_loop: every element once, at its own offset in each stream, wherever a range is cut", "[optimizer]") {
  sp::shape const s(std::array{3, 1, 4, 5});
  layout const row{20, 20, 5, 1}, column{1, 3, 3, 12}, padded{64, 7, 8, 1}, backwards{-20, 0, 5, 1};
  std::array<layout, 4> const all{column, row, padded, backwards};
  sp::detail::stream_loop<4> const loop(s, all);
  for (sp::index cut : {0, 1, 7, 30, 59, 60}) {
    std::map<sp::index, std::array<sp::index, 4>> seen;  // by the offset in the first
    auto const note = [&](sp::index n, auto const& o, auto const& t) {
      for (sp::index i = 0; i < n; ++i)
        CHECK(seen.emplace(o[0] + i * t[0],
                           std::array{o[0] + i * t[0], o[1] + i * t[1], o[2] + i * t[2], o[3] + i * t[3]})
                  .second);
    };
    loop(0, cut, note);
    loop(cut, 60, note);
    CHECK(seen.size() == 60);
    for (sp::index i = 0; i < 3; ++i)
      for (sp::index j = 0; j < 4; ++j)
        for (sp::index k = 0; k < 5; ++k) {
          auto const offset = [&](layout const& l) { return i * l[0] + j * l[2] + k * l[3]; };
          CHECK(seen.at(offset(column)) == std::array{offset(column), offset(row), offset(padded), offset(backwards)});
        }
  }
}

TEST_CASE("stream_loop: streams that lie alike are one run", "[optimizer]") {
  int runs = 0;
  auto const count = [&](sp::index n, auto const&, auto const&) {
    ++runs;
    CHECK(n == 60);
  };
  layout const row{20, 5, 1}, column{1, 3, 12};
  sp::detail::stream_loop<2>(sp::shape(std::array{3, 4, 5}), {row, row})(0, 60, count);
  sp::detail::stream_loop<2>(sp::shape(std::array{3, 4, 5}), {column, column})(0, 60, count);
  CHECK(runs == 2);
  sp::detail::stream_loop<2>(sp::shape(), {layout{}, layout{}})(
      0, 1, [&](sp::index n, auto const&, auto const&) { runs += static_cast<int>(n); });
  CHECK(runs == 3);
}

TEST_CASE("dense_strides: the order of the dimensions is kept, gaps are not", "[optimizer]") {
  sp::shape const s(std::array{3, 4, 5});
  CHECK(sp::detail::dense_strides(s, layout{64, 8, 1}) == layout{20, 5, 1});
  CHECK(sp::detail::dense_strides(s, layout{1, 3, 12}) == layout{1, 3, 12});
  CHECK(sp::detail::dense_strides(s, layout{8, 1, 32}) == layout{4, 1, 12});
  CHECK(sp::detail::same_layout(sp::shape(1, 4), {9, 1}, {4, 1}));
  CHECK(!sp::detail::same_layout(sp::shape(2, 4), {9, 1}, {4, 1}));
}
