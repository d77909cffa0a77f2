// SPDX-License-Identifier: MIT
// The few routines of BLAS and LAPACK that serve as peers, by their Fortran names: no vendor's header is needed. Weak
// ones may be missing from a library; their peers are then left out.
#pragma once
#include <unistd.h>

#include <Eigen/Core>
#include <cstdlib>
#include <string>
#include <vector>

#ifdef SELFPRED_BENCH_BLAS
extern "C" {
void sgemm_(char const*, char const*, int const*, int const*, int const*, float const*, float const*, int const*,
            float const*, int const*, float const*, float*, int const*, std::size_t, std::size_t);
void dgemm_(char const*, char const*, int const*, int const*, int const*, double const*, double const*, int const*,
            double const*, int const*, double const*, double*, int const*, std::size_t, std::size_t);
void ssyrk_(char const*, char const*, int const*, int const*, float const*, float const*, int const*, float const*,
            float*, int const*, std::size_t, std::size_t);
void dsyrk_(char const*, char const*, int const*, int const*, double const*, double const*, int const*, double const*,
            double*, int const*, std::size_t, std::size_t);
[[gnu::weak]] void sposv_(char const*, int const*, int const*, float*, int const*, float*, int const*, int*,
                          std::size_t);
[[gnu::weak]] void ssyevd_(char const*, char const*, int const*, float*, int const*, float*, float*, int const*, int*,
                           int const*, int*, std::size_t, std::size_t);
[[gnu::weak]] void dsyevd_(char const*, char const*, int const*, double*, int const*, double*, double*, int const*,
                           int*, int const*, int*, std::size_t, std::size_t);
[[gnu::weak]] void dposv_(char const*, int const*, int const*, double*, int const*, double*, int const*, int*,
                          std::size_t);
[[gnu::weak]] void spotrf_(char const*, int const*, float*, int const*, int*, std::size_t);
[[gnu::weak]] void spotri_(char const*, int const*, float*, int const*, int*, std::size_t);
[[gnu::weak]] void dpotrf_(char const*, int const*, double*, int const*, int*, std::size_t);
[[gnu::weak]] void dpotri_(char const*, int const*, double*, int const*, int*, std::size_t);
[[gnu::weak]] void saxpby_(int const*, float const*, float const*, int const*, float const*, float*, int const*);
[[gnu::weak]] char* openblas_get_corename();
[[gnu::weak]] void openblas_set_num_threads(int);
}
#endif

namespace bench::blas {

template <class S>
using dense = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

#ifdef SELFPRED_BENCH_BLAS
inline constexpr bool linked = true;

inline int rows(auto const& x) { return static_cast<int>(x.rows()); }
inline int cols(auto const& x) { return static_cast<int>(x.cols()); }

/// z <- a op(x) op(y) + b z, with op 'N' or 'T'.
template <class S>
void gemm(S a, dense<S> const& x, char p, dense<S> const& y, char q, S b, dense<S>& z) {
  int const m = rows(z), n = cols(z), k = p == 'N' ? cols(x) : rows(x), lx = rows(x), ly = rows(y);
  if constexpr (std::is_same_v<S, float>)
    sgemm_(&p, &q, &m, &n, &k, &a, x.data(), &lx, y.data(), &ly, &b, z.data(), &m, 1, 1);
  else
    dgemm_(&p, &q, &m, &n, &k, &a, x.data(), &lx, y.data(), &ly, &b, z.data(), &m, 1, 1);
}
/// The lower triangle of s <- a z^T z + b s.
template <class S>
void syrk(S a, dense<S> const& z, S b, dense<S>& s) {
  int const n = cols(s), k = rows(z);
  if constexpr (std::is_same_v<S, float>)
    ssyrk_("L", "T", &n, &k, &a, z.data(), &k, &b, s.data(), &n, 1, 1);
  else
    dsyrk_("L", "T", &n, &k, &a, z.data(), &k, &b, s.data(), &n, 1, 1);
}
inline bool has_lapack() { return sposv_ && dposv_ && spotrf_ && spotri_ && dpotrf_ && dpotri_; }
/// y <- x^-1 y by Cholesky; x is destroyed.
template <class S>
void posv(dense<S>& x, dense<S>& y) {
  int const n = rows(x), m = cols(y);
  int info = 0;
  if constexpr (std::is_same_v<S, float>)
    sposv_("L", &n, &m, x.data(), &n, y.data(), &n, &info, 1);
  else
    dposv_("L", &n, &m, x.data(), &n, y.data(), &n, &info, 1);
}
/// The lower triangle of x <- x^-1 by Cholesky.
template <class S>
void inverse(dense<S>& x) {
  int const n = rows(x);
  int info = 0;
  if constexpr (std::is_same_v<S, float>) {
    spotrf_("L", &n, x.data(), &n, &info, 1);
    spotri_("L", &n, x.data(), &n, &info, 1);
  } else {
    dpotrf_("L", &n, x.data(), &n, &info, 1);
    dpotri_("L", &n, x.data(), &n, &info, 1);
  }
}
inline bool has_syevd() { return ssyevd_ && dsyevd_; }
/// Eigenvalues, ascending, and eigenvectors in the columns of x; `work` lives on.
template <class S>
void syevd(dense<S>& x, Eigen::Matrix<S, Eigen::Dynamic, 1>& values, std::vector<S>& work, std::vector<int>& integers) {
  int const n = rows(x), size = 1 + 6 * n + 2 * n * n, integer_size = 3 + 5 * n;
  work.resize(static_cast<std::size_t>(size)), integers.resize(static_cast<std::size_t>(integer_size));
  values.resize(n);
  int info = 0;
  auto const run = [&](auto routine) {
    routine("V", "L", &n, x.data(), &n, values.data(), work.data(), &size, integers.data(), &integer_size, &info, 1, 1);
  };
  if constexpr (std::is_same_v<S, float>)
    run(ssyevd_);
  else
    run(dsyevd_);
}
inline bool has_axpby() { return saxpby_ != nullptr; }
inline void axpby(Eigen::Index n, float a, float const* x, float b, float* y) {
  int const count = static_cast<int>(n), one = 1;
  saxpby_(&count, &a, x, &one, &b, y, &one);
}
inline std::string name() { return openblas_get_corename ? "OpenBLAS" : "BLAS"; }
/// A processor younger than the library is a Prescott to it, of 2004: the program then starts again with kernels for the
/// instructions that there are. To be called first.
inline void know_the_core(char** argv) {
#if defined(__AVX512F__)
  char const* const core = "SkylakeX";
#else
  char const* const core = "Haswell";
#endif
  if (!openblas_get_corename || std::string(openblas_get_corename()) != "Prescott") return;
  if (std::getenv("OPENBLAS_CORETYPE") || setenv("OPENBLAS_CORETYPE", core, 1) != 0) return;
  execv("/proc/self/exe", argv);
}
/// "OpenBLAS core SkylakeX". One thread from here on.
inline std::string start() {
  if (openblas_set_num_threads) openblas_set_num_threads(1);
  dense<float> one = dense<float>::Ones(1, 1), z = one;
  gemm(1.F, one, 'N', one, 'N', 0.F, z);  // also keeps the library linked where a group has only weak names
  return openblas_get_corename ? name() + " core " + openblas_get_corename() : name();
}
#else
inline constexpr bool linked = false;
inline void know_the_core(char**) {}
inline std::string start() { return "no BLAS"; }
#endif

}  // namespace bench::blas
