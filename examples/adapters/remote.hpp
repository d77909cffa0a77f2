// SPDX-License-Identifier: MIT
// An opaque tensor joins by its operations: nothing here touches an element.
#pragma once

#include <selfpred/concepts.hpp>

#include "../support/remote_store.hpp"

// [adapter]
template <>
struct selfpred::tensor_traits<remote::tensor> : does_operations<remote::tensor> {
  using T = remote::tensor;
  using scalar_type = remote::number;
  static selfpred::shape shape(T const& x) { return selfpred::shape(x.extents()); }
  static void const* storage(T const& x) { return reinterpret_cast<void const*>(x.id()); }  // a name, never read
  static T filled(T const&, selfpred::shape const& s, double v) { return T({s.begin(), s.end()}, v); }
  static void axpby(scalar_type a, T const& x, scalar_type b, T& y) { T::combine(a, x, b, y); }
  static scalar_type dot(T const& x, T const& y) { return T::inner(x, y); }
  static void copy_out(T const& x, std::span<double> row_major) { x.download(row_major); }
  static void copy_in(std::span<double const> row_major, T& x) { x.upload(row_major); }
  static void gemm(scalar_type a, T const& x, op p, T const& y, op q, scalar_type b, T& z) {
    T::product(a, x, p == op::transpose, y, q == op::transpose, b, z);
  }
  static void add_diagonal(scalar_type a, T& x) { T::shift_diagonal(a, x); }
  static void normalize_rows(double epsilon, T const& x, T& y) { T::unit_rows(epsilon, x, y); }
  static void normalize_rows_adjoint(double epsilon, T const& x, T& g) { T::unit_rows_gradient(epsilon, x, g); }
};
// [/adapter]
