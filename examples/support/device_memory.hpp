// SPDX-License-Identifier: MIT
// The shape of a device library, with host memory in the device's place: a stream that counts launches and
// synchronisations, memory with one owner, views that carry the stream, and numbers that live in device slots.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace device {

struct stream {
  long launches = 0;
  long synchronisations = 0;
};

/// A literal, or a slot in device memory that a later kernel reads without the host waiting for it.
struct number {
  number(double literal) : v(literal) {}
  number(stream* at, double x) : s(at), v(x) {}
  stream* s = nullptr;
  double v = 0;
};
inline number operator+(number a, number b) { return {a.s ? a.s : b.s, a.v + b.v}; }
inline number operator*(number a, number b) { return {a.s ? a.s : b.s, a.v * b.v}; }
inline number sqrt(number a) { return {a.s, std::sqrt(a.v)}; }
inline number reciprocal(number a) { return {a.s, a.v > 0 ? 1 / a.v : 0}; }
inline double value(number a) {
  if (a.s) ++a.s->synchronisations;
  return a.v;
}

/// Row-major device memory that somebody else owns. S is const for memory that may only be read.
template <class S>
struct view {
  stream* s = nullptr;
  S* data = nullptr;
  std::ptrdiff_t rows = 0, columns = 0;
  operator view<S const>() const
    requires(!std::is_const_v<S>)
  {
    return {s, data, rows, columns};
  }
};

/// The owner: move-only, as device memory is.
template <class S>
class matrix {
 public:
  matrix(stream& s, std::ptrdiff_t rows, std::ptrdiff_t columns, double fill = 0)
      : s_(&s), rows_(rows), columns_(columns),
        values_(static_cast<std::size_t>(rows * columns), static_cast<S>(fill)) {}
  matrix(matrix&&) = default;
  matrix& operator=(matrix&&) = default;
  device::view<S> view() { return {s_, values_.data(), rows_, columns_}; }
  device::view<S const> view() const { return {s_, values_.data(), rows_, columns_}; }

 private:
  stream* s_;
  std::ptrdiff_t rows_, columns_;
  std::vector<S> values_;
};

}  // namespace device
