// SPDX-License-Identifier: MIT
// A device library joins with an owner that shows a view and a view that does the operations. selfpred's own loops over
// host memory stand in for kernels.
#pragma once

#include <selfpred/host/solve.hpp>

#include "../support/device_memory.hpp"

template <class S>
struct device_operations : selfpred::default_operations<device_operations<S>> {
  // Signatures are no templates: a mutable view converts to a const one, so owners and both views may meet in a call.
  using in = device::view<S const>;
  using out = device::view<S>;
  using number = device::number;
  using scalar_type = number;
  using op = selfpred::op;
  using kernel = selfpred::host_operations<S>;

  static selfpred::shape shape(in x) { return {x.rows, x.columns}; }
  static void const* storage(in x) { return x.data; }
  static device::matrix<S> filled(in x, selfpred::shape const& s, double v) { return {*x.s, s.rows(), s.cols(), v}; }
  static void axpby(number a, in x, number b, out y) { kernel::axpby(a.v, mem(x), b.v, launch(y)); }
  static number dot(in x, in y) { return {x.s, kernel::dot(launch(x), mem(y))}; }
  static void copy_out(in x, std::span<double> o) { ++x.s->synchronisations, kernel::copy_out(mem(x), o); }
  static void copy_in(std::span<double const> i, out y) { kernel::copy_in(i, mem(y)); }
  static void gemm(number a, in x, op p, in y, op q, number b, out z) {
    kernel::gemm(a.v, mem(x), p, mem(y), q, b.v, launch(z));
  }
  static void add_diagonal(number a, out x) { kernel::add_diagonal(a.v, launch(x)); }
  static void normalize_rows(double e, in x, out y) { kernel::normalize_rows(e, mem(x), launch(y)); }
  static void normalize_rows_adjoint(double e, in x, out g) { kernel::normalize_rows_adjoint(e, mem(x), launch(g)); }

 private:
  template <class U>
  static auto mem(device::view<U> x) {
    return selfpred::view_row_major(x.data, x.rows, x.columns);
  }
  template <class U>
  static auto launch(device::view<U> x) {
    return ++x.s->launches, mem(x);
  }
};

// [adapter]
template <class S>
struct selfpred::tensor_traits<device::view<S>> : does_operations<device::view<S>> {
  using operations = device_operations<std::remove_const_t<S>>;
  static auto filled(device::view<S> x, shape const& s, double v) { return operations::filled(x, s, v); }
};
template <class S>
struct selfpred::tensor_traits<device::matrix<S>> : shows_memory {
  static auto view(auto& m) { return m.view(); }
};
// [/adapter]
