// SPDX-License-Identifier: MIT
// allocations.cpp: malloc and its kin, counted and passed on to glibc. Linked once a program.
#include "support/allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>

#if SELFPRED_TESTS_COUNT_ALLOCATIONS

namespace {
std::atomic<long> made{0};  // constant-initialised: malloc runs before any constructor
void count_one() noexcept { made.fetch_add(1, std::memory_order_relaxed); }
}  // namespace

long selfpred_tests::allocations_so_far() noexcept { return made.load(std::memory_order_relaxed); }

// free stays glibc's: everything below was made by glibc.
extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;

void* malloc(std::size_t n) noexcept {
  count_one();
  return __libc_malloc(n);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* p, std::size_t n) noexcept {
  count_one();
  return __libc_realloc(p, n);
}
void* memalign(std::size_t alignment, std::size_t n) noexcept {
  count_one();
  return __libc_memalign(alignment, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) noexcept {
  count_one();
  return __libc_memalign(alignment, n);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t n) noexcept {
  count_one();
  void* const q = __libc_memalign(alignment, n);
  if (q == nullptr) return ENOMEM;
  *p = q;
  return 0;
}
}

#else

long selfpred_tests::allocations_so_far() noexcept { return 0; }

#endif

#ifdef SELFPRED_WITH_BLAS
// One thread, where a test asks for nothing else: OpenBLAS allocates the jobs of its threads.
extern "C" [[gnu::weak]] void openblas_set_num_threads(int);
[[maybe_unused]] static bool const alone = openblas_set_num_threads && (openblas_set_num_threads(1), true);
#endif
