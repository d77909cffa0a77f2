// SPDX-License-Identifier: MIT
// allocations.hpp: how often the process asks the C library for memory. malloc itself is counted, not operator new:
// Eigen's packing buffers come straight from malloc.
#pragma once
#include <cstdlib>  // defines __GLIBC__ where it is glibc

#if defined(__has_feature)
#define SELFPRED_TESTS_HAS_FEATURE(x) __has_feature(x)
#else
#define SELFPRED_TESTS_HAS_FEATURE(x) 0
#endif
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||          \
    SELFPRED_TESTS_HAS_FEATURE(address_sanitizer) || SELFPRED_TESTS_HAS_FEATURE(thread_sanitizer) || \
    SELFPRED_TESTS_HAS_FEATURE(memory_sanitizer)
#define SELFPRED_TESTS_COUNT_ALLOCATIONS 0  // a sanitizer has its own malloc, which must not be replaced
#else
#define SELFPRED_TESTS_COUNT_ALLOCATIONS 1
#endif

namespace selfpred_tests {

/// Whether allocations are counted here; where not, every count is 0 and tests of it hold trivially.
inline constexpr bool counting_supported = SELFPRED_TESTS_COUNT_ALLOCATIONS;

/// Allocations of the whole process since it started.
long allocations_so_far() noexcept;

}  // namespace selfpred_tests

/// Counts from its construction: allocation_counter scope; work(); CHECK(scope.count() == 0) needs the count taken first,
/// since the test framework allocates: long const n = scope.count();
class allocation_counter {
 public:
  long count() const noexcept { return selfpred_tests::allocations_so_far() - start_; }

 private:
  long start_ = selfpred_tests::allocations_so_far();
};
