// SPDX-License-Identifier: MIT
// Work on host memory in parts: rows of a product, poles of a filter, blocks of rows of a loss.
#pragma once
#include <cmath>
#include <cstddef>
#include <selfpred/executor.hpp>

namespace selfpred {
namespace detail {

// Of the thread that asks; nobody's inside a part, so that a part is never split again.
inline thread_local executor const* host_executor = nullptr;

class with_executor {
 public:
  explicit with_executor(executor const* e) : before_(host_executor) { host_executor = e; }
  ~with_executor() { host_executor = before_; }
  with_executor(with_executor const&) = delete;
  with_executor& operator=(with_executor const&) = delete;

 private:
  executor const* before_;
};

// Multiply-adds, about 15 us of them: a part that is smaller costs more to start than it saves.
inline constexpr double least_part = 1 << 20;

enum class cut { evenly, triangle };  // triangle: row i costs as much as i

/// How many parts a split of n things that cost `work` multiply-adds will have.
inline int parts_of(std::ptrdiff_t n, double work) {
  if (!host_executor) return 1;
  double const most = std::fmin(static_cast<double>(n), work / least_part);
  return most < host_executor->parts ? static_cast<int>(std::fmax(most, 1)) : host_executor->parts;
}

/// f(first, last) for ranges that make up [0, n), on the executor of this thread where the work pays for it. Which ranges
/// depends on the number of parts: f must make of each of its things what it would make of it alone.
template <class F>
void split(std::ptrdiff_t n, double work, F f, cut how = cut::evenly) {
  int const parts = detail::parts_of(n, work);
  if (parts <= 1) return f(std::ptrdiff_t{0}, n);
  auto const bound = [=](int i) {
    double const share = static_cast<double>(i) / parts;
    return static_cast<std::ptrdiff_t>(
        std::lround((how == cut::triangle ? std::sqrt(share) : share) * static_cast<double>(n)));
  };
  auto part = [&](int i) {
    with_executor const alone(nullptr);
    if (bound(i) < bound(i + 1)) f(bound(i), bound(i + 1));
  };
  host_executor->run(parts, part_task(part));
}

/// The sum of f(i) over [0, n), added in one order whoever made them: in at most 64 spans, each by one part.
template <class F>
double split_sum(std::ptrdiff_t n, double work, F f) {
  constexpr std::ptrdiff_t most = 64;
  std::ptrdiff_t const each = (n + most - 1) / most, spans = n > 0 ? (n + each - 1) / each : 0;
  double sums[most] = {}, total = 0;
  detail::split(spans, work, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    for (std::ptrdiff_t s = first; s < last; ++s)
      for (std::ptrdiff_t i = s * each; i < n && i < (s + 1) * each; ++i) sums[s] += f(i);
  });
  for (double const sum : sums) total += sum;
  return total;
}

}  // namespace detail

/// While it lives, what this thread starts on float and double in host memory (products, solves, the inverses of a filter,
/// the normalised loss) is split over an executor's parts; an executor of one part changes nothing.
///
/// The number of parts never changes a bit: every entry is made by the same operations in the same order, whoever makes
/// it. Not so with SELFPRED_WITH_BLAS. objective_options::threads does this for an objective's steps. The executor must
/// outlive it. Example: host_threads const threads(pool); selfpred::gemm(1.0, x, op::none, y, op::none, 0.0, z);
class [[nodiscard]] host_threads {
 public:
  explicit host_threads(executor const& e) : scope_(e.parts > 1 && e.run ? &e : detail::host_executor) {}

 private:
  detail::with_executor scope_;
};

}  // namespace selfpred
