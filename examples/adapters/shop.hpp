// SPDX-License-Identifier: MIT
// A stranger's matrix class joins by showing its memory.
#pragma once

#include <selfpred/concepts.hpp>
#include <selfpred/host/engine.hpp>
#include <selfpred/host/solve.hpp>

#include <vector>

namespace shop {

struct matrix {  // as its author wrote it, years before selfpred
  matrix(std::size_t r, std::size_t c, double fill) : rows(r), columns(c), values(r * c, fill) {}
  std::size_t rows, columns;
  std::vector<double> values;
};

}  // namespace shop

// [adapter]
template <>
struct selfpred::tensor_traits<shop::matrix> : shows_memory {
  static auto view(auto& m) { return view_row_major(m.values.data(), m.rows, m.columns); }
  static auto filled(shop::matrix const&, shape const& s, double v) { return shop::matrix(s.rows(), s.cols(), v); }
};
// [/adapter]
