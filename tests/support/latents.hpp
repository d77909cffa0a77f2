// SPDX-License-Identifier: MIT
// latents.hpp: latents to test with, the forms in which a user may hold them, and how far a result is from another.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <limits>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/stop_gradient.hpp>
#include <string>
#include <vector>

#include "golden/reader.hpp"

namespace selfpred_tests {

using matrix_d = Eigen::MatrixXd;
template <class S>
using by_columns = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
template <class S>
using by_rows = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class S>
inline constexpr double eps = std::numeric_limits<S>::epsilon();

#ifdef SELFPRED_GOLDEN_DIR
inline golden_file golden(std::string const& topic) { return load_golden(topic, SELFPRED_GOLDEN_DIR); }
#else
inline golden_file golden(std::string const& topic) { return load_golden(topic, SELFPRED_TESTS_DIR "/golden"); }
#endif

inline matrix_d dense(golden_matrix const& g) { return Eigen::Map<by_rows<double> const>(g.v.data(), g.rows, g.cols); }
/// Any tensor's values, through the library's own way out.
template <selfpred::tensor T>
matrix_d dense(T const& x) {
  selfpred::shape const s = selfpred::shape_of(x);
  std::vector<double> v(static_cast<std::size_t>(s.size()));
  selfpred::copy_out(x, v);
  return Eigen::Map<by_rows<double> const>(v.data(), s.rows(), s.cols());
}
template <class D>
matrix_d dense(Eigen::MatrixBase<D> const& expression) {
  return expression.template cast<double>();
}

/// The largest difference, relative to the largest expected entry; absolute where all of them are 0.
template <class T>
double distance(T const& got, matrix_d const& expected) {
  matrix_d const g = dense(got);
  if (g.rows() != expected.rows() || g.cols() != expected.cols()) return std::numeric_limits<double>::infinity();
  if (!g.allFinite()) return std::numeric_limits<double>::infinity();
  double const size = expected.cwiseAbs().maxCoeff();
  return (g - expected).cwiseAbs().maxCoeff() / (size > 0 ? size : 1);
}
/// Bit for bit (0 and -0 are told apart, NaN equals nothing).
template <class T, class U>
bool same_bits(T const& a, U const& b) {
  matrix_d const x = dense(a), y = dense(b);
  return x.rows() == y.rows() && x.cols() == y.cols() && (x.array() == y.array()).all() &&
         (x.array().unaryExpr([](double v) { return std::signbit(v) ? 1 : 0; }) == y.array().unaryExpr([](double v) {
           return std::signbit(v) ? 1 : 0;
         })).all();
}

/// b x f values of about unit variance, exact in float; the same on every machine.
inline matrix_d latents(selfpred::index b, selfpred::index f, std::uint64_t seed) {
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  auto const below = [&](std::uint64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((state >> 33) % n);
  };
  matrix_d m(b, f);
  for (selfpred::index i = 0; i < b; ++i)
    for (selfpred::index j = 0; j < f; ++j) m(i, j) = (below(223) + below(223) + below(223) + below(223) - 444) / 128.0;
  return m;
}
/// Two online views and two targets: four noisy readings of the same samples.
template <class M = matrix_d>
struct views {
  M z1, z2, t1, t2;
  views() = default;
  views(selfpred::index b, selfpred::index f, std::uint64_t seed) {
    matrix_d const base = latents(b, f, 4 * seed);
    M* const all[] = {&z1, &z2, &t1, &t2};
    for (std::uint64_t k = 0; k < 4; ++k)
      *all[k] = (base + 0.5 * latents(b, f, 4 * seed + k + 1)).template cast<typename M::Scalar>();
  }
};
template <class O, class V>
auto step(O& objective, V const& v) {
  return objective.step(v.z1, v.z2, selfpred::stop_gradient(v.t1), selfpred::stop_gradient(v.t2));
}
template <class O, class V>
auto evaluate(O& objective, V const& v) {
  return objective.evaluate(v.z1, v.z2, selfpred::stop_gradient(v.t1), selfpred::stop_gradient(v.t2));
}

// The forms. Memory that does not belong to a form is NaN: reading it would show.

template <class M>
struct owned {
  using scalar = typename M::Scalar;
  using tensor = M;
  explicit owned(matrix_d const& x) : memory(x.cast<scalar>()) {}
  M const& get() const { return memory; }
  M memory;
};
/// An Eigen::Map with a stride between its rows.
template <class S>
struct mapped {
  using scalar = S;
  using tensor = Eigen::Map<by_rows<S> const, 0, Eigen::OuterStride<>>;
  explicit mapped(matrix_d const& x)
      : memory(by_rows<S>::Constant(x.rows(), x.cols() + 3, std::numeric_limits<S>::quiet_NaN())), cols(x.cols()) {
    memory.leftCols(cols) = x.cast<S>();
  }
  tensor get() const { return tensor(memory.data(), memory.rows(), cols, Eigen::OuterStride<>(memory.cols())); }
  by_rows<S> memory;
  selfpred::index cols;
};
/// The inner block of a larger column-major matrix.
template <class S>
struct blocked {
  using scalar = S;
  using tensor = Eigen::Block<by_columns<S> const>;
  explicit blocked(matrix_d const& x)
      : memory(by_columns<S>::Constant(x.rows() + 3, x.cols() + 2, std::numeric_limits<S>::quiet_NaN())) {
    memory.block(2, 1, x.rows(), x.cols()) = x.cast<S>();
  }
  tensor get() const { return memory.block(2, 1, memory.rows() - 3, memory.cols() - 2); }
  by_columns<S> memory;
};
/// The library's own array.
template <class S>
struct in_array {
  using scalar = S;
  using tensor = selfpred::host_array<S>;
  explicit in_array(matrix_d const& x) : memory(selfpred::shape(x.rows(), x.cols())) {
    Eigen::Map<by_rows<S>>(memory.values.data(), x.rows(), x.cols()) = x.cast<S>();
  }
  tensor const& get() const { return memory; }
  tensor memory;
};
/// A view of which neither stride is one, from the last row to the first.
template <class S>
struct with_gaps {
  using scalar = S;
  using tensor = selfpred::matrix_view<S const>;
  explicit with_gaps(matrix_d const& x)
      : rows(x.rows()), cols(x.cols()),
        memory(static_cast<std::size_t>(rows * cols * 4), std::numeric_limits<S>::quiet_NaN()) {
    for (selfpred::index i = 0; i < rows; ++i)
      for (selfpred::index j = 0; j < cols; ++j)
        memory[static_cast<std::size_t>((rows - 1 - i) * 4 * cols + 2 * j)] = static_cast<S>(x(i, j));
  }
  tensor get() const {
    selfpred::index const last = memory.empty() ? 0 : (rows - 1) * 4 * cols;
    return selfpred::view_matrix(memory.data() + last, rows, cols, -4 * cols, 2);
  }
  selfpred::index rows, cols;
  std::vector<S> memory;
};

}  // namespace selfpred_tests
