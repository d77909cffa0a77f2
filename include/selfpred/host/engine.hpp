// SPDX-License-Identifier: MIT
// Products of host memory for float and double: by Eigen/Core, those with a symmetric result by one triangle in panels.
// Four kernels of Eigen a scalar, whatever the user's types are.
#pragma once
#include <Eigen/Core>
#include <selfpred/host/operations.hpp>
#include <selfpred/host/panels.hpp>
#include <vector>
#ifdef SELFPRED_WITH_BLAS
#include <selfpred/host/blas.hpp>
#endif

namespace selfpred::detail {

// Eigen packs operands into buffers that it takes from malloc above 128 KiB (12 a step at f = 128, 70 at 256). These
// live on, one set a thread and scalar, and only grow. They are the one workspace that an objective does not own.
template <class S>
struct packing : Eigen::internal::level3_blocking<S, S> {
  packing(index m, index n, index k) {
    this->m_mc = m, this->m_nc = n, this->m_kc = k;
    Eigen::internal::computeProductBlockingSizes<S, S>(this->m_kc, this->m_mc, this->m_nc, index{1});
    this->m_blockA = buffer<0>(this->m_mc * this->m_kc);
    this->m_blockB = buffer<1>(this->m_kc * n);  // the triangular product packs all n columns, not m_nc of them
  }
  template <int>
  static S* buffer(index size) {
    static thread_local std::vector<S, Eigen::aligned_allocator<S>> memory;
    if (static_cast<index>(memory.size()) < size) memory.resize(static_cast<std::size_t>(size));
    return memory.data();
  }
};

template <class S>
struct eigen_products {
  using in = matrix_view<S const>;
  using out = matrix_view<S>;

  // Whether a leading dimension describes x: not where columns run backwards or into each other.
  static bool by_columns(in const& x) {
    return (x.stride[0] == 1 || x.rows() <= 1) && (x.cols() <= 1 || x.stride[1] >= std::max<index>(x.rows(), 1));
  }
  static bool by_rows(in const& x) { return by_columns(x.transposed()); }
  static index leading(in const& x) {
    index const step = by_columns(x) ? (x.cols() > 1 ? x.stride[1] : 1) : (x.rows() > 1 ? x.stride[0] : 1);
    return std::max<index>({step, by_columns(x) ? x.rows() : x.cols(), 1});
  }
  // A dense copy in a buffer of its own, for the rare view of which neither stride is one.
  template <int Slot>
  static out packed(in const& x) {
    S* p = packing<S>::template buffer<Slot>(x.rows() * x.cols());
    out y = view_column_major(p, x.rows(), x.cols());
    host_operations<S>::copy(x, y);
    return y;
  }
  static void scale(S b, out const& z) {
    walk(strided<S>(z), strided<S>(z), [=](index n, S*, index, S* v, index sv) {
      if (b == S(0))
        for (index i = 0; i < n; ++i) v[i * sv] = S(0);
      else if (b != S(1))
        for (index i = 0; i < n; ++i) v[i * sv] *= b;
    });
  }

  static void gemm(S a, in x, in y, S b, out z);
  // By one triangle, mirrored: x^T x always, another product whose result is symmetric from this size on. Below it packing
  // both operands costs what is saved: at 64 half a product takes 0.85 of Eigen's whole one, of OpenBLAS's 1.13.
  static void gemm_symmetric(S a, in x, in y, S b, out z);
  static constexpr index least_half = 64;
};

// Out of class, so that a program with many sources may instantiate them once (extern template).
template <class S>
void eigen_products<S>::gemm(S a, in x, in y, S b, out z) {
  if (z.rows() == 0 || z.cols() == 0) return;
  if (!by_columns(z) && !by_rows(z)) {
    out t = packed<2>(z);
    gemm(a, x, y, b, t);
    return host_operations<S>::copy(t, z);
  }
  if (!by_columns(z)) {  // z^T = y^T x^T
    in const xt = x.transposed();
    x = y.transposed(), y = xt, z = z.transposed();
  }
  if (!by_columns(x) && !by_rows(x)) x = packed<3>(x);
  if (!by_columns(y) && !by_rows(y)) y = packed<4>(y);
  scale(b, z);
  if (x.cols() == 0 || a == S(0)) return;
  packing<S> workspace(z.rows(), z.cols(), x.cols());
  auto const run = [&]<int X, int Y>() {
    Eigen::internal::general_matrix_matrix_product<index, S, X, false, S, Y, false, Eigen::ColMajor, 1>::run(
        z.rows(), z.cols(), x.cols(), x.data, leading(x), y.data, leading(y), z.data, 1, leading(z), a, workspace,
        nullptr);
  };
  constexpr int C = Eigen::ColMajor, R = Eigen::RowMajor;
  if (by_columns(x))
    by_columns(y) ? run.template operator()<C, C>() : run.template operator()<C, R>();
  else
    by_columns(y) ? run.template operator()<R, C>() : run.template operator()<R, R>();
}

template <class S>
void eigen_products<S>::gemm_symmetric(S a, in x, in y, S b, out z) {
  bool const gram = x.data == y.data && x.rows() == y.cols() && x.cols() == y.rows() && x.stride[0] == y.stride[1] &&
                    x.stride[1] == y.stride[0];
  if (!gram && z.rows() < least_half) return gemm(a, x, y, b, z);
  if (z.rows() > 0) panels<S>::symmetric_product(a, x, y, gram, b, z);
}

#ifdef SELFPRED_WITH_BLAS
template <class S>
struct engine_products : blas_products<S>, eigen_products<S> {
  using blas_products<S>::gemm;
  using eigen_products<S>::gemm_symmetric;
};
#else
template <class S>
using engine_products = eigen_products<S>;
#endif
template <>
struct host_products<float> : engine_products<float> {};
template <>
struct host_products<double> : engine_products<double> {};

}  // namespace selfpred::detail

namespace selfpred {

/// Whether products, solves and inverses in host memory have the same bits whatever the number of threads: true of the
/// library's own kernels, which are for the thread that calls them. With SELFPRED_WITH_BLAS the promise is withdrawn: a
/// threaded BLAS may add up in another order. Eigendecompositions, which are Eigen's, are outside of it in either case.
#ifdef SELFPRED_WITH_BLAS
inline constexpr bool host_products_are_reproducible = false;
#else
inline constexpr bool host_products_are_reproducible = true;
#endif

}  // namespace selfpred
