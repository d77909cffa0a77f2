// SPDX-License-Identifier: MIT
// opaque.hpp: tensors of which the library sees no storage. `remote` is move-only, counts operations and read-backs, and
// its scalars are handles; `handle` is copied by sharing, as libtorch's tensors are.
#pragma once
#include <cmath>
#include <memory>
#include <selfpred/ops.hpp>
#include <vector>

#include "support/dense.hpp"

namespace far {

inline long operations = 0, read_backs = 0;

/// A number that stays where it was made.
struct scalar {
  double secret = 0;
  scalar() = default;
  scalar(double x) : secret(x) {}
  friend scalar operator*(scalar a, scalar b) { return a.secret * b.secret; }
  friend scalar operator+(scalar a, scalar b) { return a.secret + b.secret; }
  friend scalar sqrt(scalar a) { return std::sqrt(a.secret); }
  friend scalar reciprocal(scalar a) { return a.secret > 0 ? 1 / a.secret : 0; }
  friend double value(scalar a) { return ++read_backs, a.secret; }
};

struct remote {
  selfpred_tests::dense secret{0, 0};
  remote() = default;
  explicit remote(selfpred_tests::dense d) : secret(std::move(d)) {}
  remote(remote&&) = default;
  remote& operator=(remote&&) = default;
};

struct handle {
  std::shared_ptr<selfpred_tests::dense> shared = std::make_shared<selfpred_tests::dense>(0, 0);
  handle() = default;
  explicit handle(selfpred_tests::dense d) : shared(std::make_shared<selfpred_tests::dense>(std::move(d))) {}
};

// The eleven operations, for anything whose values get() reaches.
template <class T, class S>
struct by_get {
  using scalar_type = S;
  static auto& get(remote& x) { return x.secret; }
  static auto const& get(remote const& x) { return x.secret; }
  static auto& get(handle const& x) { return *x.shared; }
  static double number(double x) { return x; }
  static double number(scalar x) { return x.secret; }
  using dense = selfpred_tests::dense;
  using op = selfpred::op;

  static selfpred::shape shape(T const& x) { return {get(x).rows, get(x).cols}; }
  static void const* storage(T const& x) { return get(x).v.data(); }
  static T filled(T const&, selfpred::shape const& s, double v) { return T(dense(s.rows(), s.cols(), v)); }
  static void axpby(S a, T const& x, S b, T& y) {
    ++operations, get(y) = selfpred_tests::combination(number(a), get(x), number(b), get(y));
  }
  static S dot(T const& x, T const& y) { return ++operations, selfpred_tests::inner(get(x), get(y)); }
  static void copy_out(T const& x, std::span<double> o) {
    ++read_backs, std::copy_n(get(x).v.data(), o.size(), o.data());
  }
  static void copy_in(std::span<double const> s, T& y) { std::copy_n(s.data(), s.size(), get(y).v.data()); }
  static void gemm(S a, T const& x, op p, T const& y, op q, S b, T& z) {
    ++operations, get(z) = selfpred_tests::product(number(a), get(x), p, get(y), q, number(b), get(z));
  }
  static void add_diagonal(S a, T& x) {
    ++operations;
    for (selfpred::index i = 0; i < std::min(get(x).rows, get(x).cols); ++i) get(x)(i, i) += number(a);
  }
  static void normalize_rows(double epsilon, T const& x, T& y) {
    ++operations, get(y) = selfpred_tests::normalized(get(x), epsilon);
  }
  static void normalize_rows_adjoint(double epsilon, T const& x, T& g) {
    ++operations;
    for (selfpred::index i = 0; i < get(x).rows; ++i) {
      double square = 0, along = 0;
      for (selfpred::index j = 0; j < get(x).cols; ++j)
        square += get(x)(i, j) * get(x)(i, j), along += get(x)(i, j) * get(g)(i, j);
      double const floored = std::max(square, epsilon), scale = floored == 0 ? 0 : 1 / std::sqrt(floored);
      if (square < epsilon || square == 0) along = 0, square = 1;
      for (selfpred::index j = 0; j < get(x).cols; ++j)
        get(g)(i, j) = scale * (get(g)(i, j) - along / square * get(x)(i, j));
    }
  }
};

}  // namespace far

template <>
struct selfpred::tensor_traits<far::remote> : selfpred::does_operations<far::remote>,
                                              far::by_get<far::remote, far::scalar> {
  using scalar_type = far::scalar;
};
template <>
struct selfpred::tensor_traits<far::handle> : selfpred::does_operations<far::handle>, far::by_get<far::handle, double> {
  using scalar_type = double;
};
