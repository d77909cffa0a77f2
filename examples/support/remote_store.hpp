// SPDX-License-Identifier: MIT
// A made-up client of a tensor server, as a third party might ship it: tensors are tickets, their storage is unreachable,
// and a number that was computed there stays there until it is read. It counts what it is asked for.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

namespace remote {

struct counters {
  long operations = 0;  ///< computations asked for
  long made = 0;        ///< tensors made
  long read_back = 0;   ///< numbers and tensors fetched: each is a round trip
};
inline counters count;

/// A number on the server. Arithmetic on it is more remote work; reading it is a round trip.
class number {
 public:
  number(double literal) : v_(literal) {}
  friend number operator+(number a, number b) { return a.v_ + b.v_; }
  friend number operator*(number a, number b) { return a.v_ * b.v_; }
  friend number sqrt(number a) { return std::sqrt(a.v_); }
  friend number reciprocal(number a) { return a.v_ > 0 ? 1 / a.v_ : 0; }
  friend double value(number a) { return ++count.read_back, a.v_; }

 private:
  friend class tensor;
  double v_;
};

/// A ticket for a tensor. Not copyable: whoever wants a second tensor asks for one.
class tensor {
 public:
  tensor() = default;
  tensor(std::vector<std::ptrdiff_t> extents, double fill) : id_(next_++) {
    std::size_t n = 1;
    for (auto e : extents) n *= static_cast<std::size_t>(e);
    store_[id_] = {std::move(extents), std::vector<double>(n, fill)};
    ++count.made;
  }
  tensor(tensor&& o) noexcept : id_(std::exchange(o.id_, 0)) {}
  tensor& operator=(tensor&& o) noexcept { return std::swap(id_, o.id_), *this; }
  ~tensor() {
    if (id_ != 0) store_.erase(id_);
  }

  std::size_t id() const { return id_; }
  auto const& extents() const { return id_ == 0 ? none_ : store_.at(id_).extents; }

  void upload(std::span<double const> values) {
    expect(values.size() == data().size());
    data().assign(values.begin(), values.end());
  }
  void download(std::span<double> values) const {
    expect(values.size() == data().size());
    ++count.read_back;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = data()[i];
  }

  /// y = a x + b y
  static void combine(number a, tensor const& x, number b, tensor& y) {
    expect(x.extents() == y.extents());
    each(y, [&](std::size_t i, double& out) { out = a.v_ * x.data()[i] + (b.v_ == 0 ? 0 : b.v_ * out); });
  }
  static number inner(tensor const& x, tensor const& y) {
    expect(x.extents() == y.extents());
    ++count.operations;
    double sum = 0;
    for (std::size_t i = 0; i < x.data().size(); ++i) sum += x.data()[i] * y.data()[i];
    return sum;
  }
  /// z = a x y + b z, each factor transposed on request
  static void product(number a, tensor const& x, bool tx, tensor const& y, bool ty, number b, tensor& z) {
    std::size_t const m = x.extent(tx ? 1 : 0), k = x.extent(tx ? 0 : 1), n = y.extent(ty ? 0 : 1);
    expect(y.extent(ty ? 1 : 0) == k && z.extent(0) == m && z.extent(1) == n);
    each(z, [&](std::size_t at, double& out) {
      double sum = 0;
      for (std::size_t i = at / n, j = at % n, l = 0; l < k; ++l)
        sum += x.data()[tx ? l * m + i : i * k + l] * y.data()[ty ? j * k + l : l * n + j];
      out = a.v_ * sum + (b.v_ == 0 ? 0 : b.v_ * out);
    });
  }
  static void shift_diagonal(number a, tensor& x) {
    std::size_t const n = x.extent(1);
    each(x, [&](std::size_t at, double& out) { out += at / n == at % n ? a.v_ : 0; });
  }
  /// y_i = x_i / sqrt(max(|x_i|^2, floor)), and the derivative of it applied to g
  static void unit_rows(double floor, tensor const& x, tensor& y) {
    auto const scale = row_scales(floor, x);
    std::size_t const n = x.extent(1);
    each(y, [&](std::size_t at, double& out) { out = scale[at / n] * x.data()[at]; });
  }
  static void unit_rows_gradient(double floor, tensor const& x, tensor& g) {
    auto const scale = row_scales(floor, x), square = row_dots(x, x), along = row_dots(x, g);
    std::size_t const n = x.extent(1);
    each(g, [&](std::size_t at, double& out) {
      std::size_t const i = at / n;
      out = scale[i] * (out - (square[i] < floor || square[i] == 0 ? 0 : along[i] / square[i] * x.data()[at]));
    });
  }

 private:
  struct entry {
    std::vector<std::ptrdiff_t> extents;
    std::vector<double> data;
  };
  static void expect(bool fits) {
    if (!fits) throw std::invalid_argument("remote: extents do not fit");
  }
  template <class F>
  static void each(tensor& y, F f) {
    ++count.operations;
    auto& v = y.data();
    for (std::size_t i = 0; i < v.size(); ++i) f(i, v[i]);
  }
  static std::vector<double> row_dots(tensor const& x, tensor const& y) {
    expect(x.extents() == y.extents());
    std::vector<double> sums(x.extent(0));
    for (std::size_t i = 0, n = x.extent(1); i < x.data().size(); ++i) sums[i / n] += x.data()[i] * y.data()[i];
    return sums;
  }
  static std::vector<double> row_scales(double floor, tensor const& x) {
    auto s = row_dots(x, x);
    for (double& v : s) v = v < floor ? 1 / std::sqrt(floor) : v == 0 ? 0 : 1 / std::sqrt(v);
    return s;
  }
  std::size_t extent(std::size_t d) const { return static_cast<std::size_t>(extents().at(d)); }
  std::vector<double>& data() { return store_.at(id_).data; }
  std::vector<double> const& data() const { return store_.at(id_).data; }

  inline static std::unordered_map<std::size_t, entry> store_;
  inline static std::size_t next_ = 1;
  inline static std::vector<std::ptrdiff_t> const none_;
  std::size_t id_ = 0;
};

}  // namespace remote
