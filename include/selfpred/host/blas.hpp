// SPDX-License-Identifier: MIT
// Ordinary products of float and double by a BLAS, where SELFPRED_WITH_BLAS is defined; host/engine.hpp then takes them.
#pragma once
#include <limits>
#include <selfpred/strided/operations.hpp>
#include <vector>

namespace selfpred::detail {

// By their Fortran names, of 32-bit integers, so that no vendor's header is needed. The names in C++ are ours: a program
// that includes such a header declares sgemm_ in its own way, and two declarations of one C function must be the same.
void blas_gemm(char const* p, char const* q, int const* m, int const* n, int const* k, float const* a, float const* x,
               int const* ldx, float const* y, int const* ldy, float const* b, float* z, int const* ldz, std::size_t,
               std::size_t) __asm__("sgemm_");
void blas_gemm(char const* p, char const* q, int const* m, int const* n, int const* k, double const* a, double const* x,
               int const* ldx, double const* y, int const* ldy, double const* b, double* z, int const* ldz, std::size_t,
               std::size_t) __asm__("dgemm_");

/// Products by sgemm and dgemm. `Most` is the largest size or leading dimension that they take: larger products are made
/// in parts, and a view that no leading dimension describes is packed into a buffer of the thread, which only grows.
template <class S, index Most = std::numeric_limits<int>::max()>
struct blas_products {
  using in = matrix_view<S const>;
  using out = matrix_view<S>;

  /// z <- a x y + b z of any strides; with b = 0, z is write-only. z shares no storage with x or y.
  static void gemm(S a, in x, in y, S b, out z) {
    for (index j = 0; j < z.cols(); j += Most)
      for (index i = 0; i < z.rows(); i += Most)
        for (index k = 0; k == 0 || k < x.cols(); k += Most)
          part(a, block(x, i, k), block(y, k, j), k == 0 ? b : S(1), block(z, i, j));
  }

 private:
  enum slot { of_x, of_y, of_z };

  template <class V>
  static V block(V const& x, index i, index j) {
    index const m = std::min(Most, x.rows() - i), n = std::min(Most, x.cols() - j);
    return {x.data + i * x.stride[0] + j * x.stride[1], m, n, x.stride[0], x.stride[1]};
  }
  // Whether a leading dimension describes x: not where columns run backwards, into each other, or too far apart.
  static bool by_columns(in const& x) {
    return (x.stride[0] == 1 || x.rows() <= 1) &&
           (x.cols() <= 1 || (x.stride[1] >= std::max<index>(x.rows(), 1) && x.stride[1] <= Most));
  }
  static bool by_rows(in const& x) { return by_columns(x.transposed()); }
  static int leading(in const& x) {
    return static_cast<int>(std::max<index>({x.cols() > 1 ? x.stride[1] : 1, x.rows(), 1}));
  }
  template <slot>
  static out buffer(in const& x) {
    static thread_local std::vector<S> memory;
    if (auto const n = static_cast<std::size_t>(x.rows() * x.cols()); memory.size() < n) memory.resize(n);
    return view_column_major(memory.data(), x.rows(), x.cols());
  }
  template <slot Slot>
  static in packed(in const& x) {
    out const y = buffer<Slot>(x);
    host_operations<S>::copy(x, y);
    return y;
  }

  static void part(S a, in x, in y, S b, out z) {
    if (!by_columns(z) && !by_rows(z)) {
      out const t = buffer<of_z>(z);
      if (b != S(0)) host_operations<S>::copy(z, t);
      part(a, x, y, b, t);
      return host_operations<S>::copy(t, z);
    }
    if (!by_columns(z)) return part(a, y.transposed(), x.transposed(), b, z.transposed());
    if (!by_columns(x) && !by_rows(x)) x = packed<of_x>(x);
    if (!by_columns(y) && !by_rows(y)) y = packed<of_y>(y);
    bool const nx = by_columns(x), ny = by_columns(y);
    int const m = static_cast<int>(z.rows()), n = static_cast<int>(z.cols()), k = static_cast<int>(x.cols());
    int const ldx = leading(nx ? x : x.transposed()), ldy = leading(ny ? y : y.transposed()), ldz = leading(z);
    blas_gemm(nx ? "N" : "T", ny ? "N" : "T", &m, &n, &k, &a, x.data, &ldx, y.data, &ldy, &b, z.data, &ldz, 1, 1);
  }
};

}  // namespace selfpred::detail
