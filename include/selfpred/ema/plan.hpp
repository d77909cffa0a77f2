// SPDX-License-Identifier: MIT
// One pass over many tensors: their index ranges are laid end to end and cut once into parts of equal work.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/ema/kernels.hpp>
#include <selfpred/strided/operations.hpp>

namespace selfpred::detail {

template <class T>
inline constexpr bool is_strided = false;
template <class S, int R>
inline constexpr bool is_strided<strided<S, R>> = true;
template <class T>
struct element_type {
  using type = T;
};
template <class S, int R>
struct element_type<strided<S, R>> {
  using type = std::remove_const_t<S>;
};

/// A leaf as memory: what a host tensor shows, a number as one element, or nothing for tensors that do their operations.
template <class T>
auto memory(T& x) {
  if constexpr (std::is_arithmetic_v<std::remove_const_t<T>>)
    return view_matrix(&x, 1, 1, 1, 1);
  else if constexpr (is_strided<std::remove_cvref_t<operand_t<T>>>)
    return detail::operand(x);
  else
    return nullptr;
}
template <class T>
using memory_t = decltype(detail::memory(std::declval<T&>()));
/// The element type of a leaf, or void.
template <class T>
using leaf_element_t =
    std::conditional_t<std::is_same_v<memory_t<T>, std::nullptr_t>, void, typename element_type<memory_t<T>>::type>;

template <class A, int R, class B, int Q>
bool same_extents(strided<A, R> const& x, strided<B, Q> const& y) {
  if (x.rank != y.rank) return false;
  for (int d = 0; d < x.rank; ++d)
    if (x.extent[static_cast<std::size_t>(d)] != y.extent[static_cast<std::size_t>(d)]) return false;
  return true;
}
/// The number of elements of x and y, of equal extents, where both lie in one run in the same order; else -1.
template <class A, int R, class B, int Q>
index joint_run(strided<A, R> const& x, strided<B, Q> const& y) {
  index size = 1;
  bool row_major = true;
  for (int i = x.rank - 1; i >= 0; --i) {
    auto const d = static_cast<std::size_t>(i);
    row_major = row_major && (x.extent[d] == 1 || (x.stride[d] == size && y.stride[d] == size));
    size *= x.extent[d];
  }
  if (row_major || size == 0) return size;
  joint_loop const loop(x, y);
  return loop.depth == 1 && loop.x[0] == 1 && loop.y[0] == 1 ? size : -1;
}
/// A dense layout of x's shape in the order of x's strides, at p.
template <class S, class A, int R>
strided<S> dense_like(S* p, strided<A, R> const& x) {
  strided<S> v = view_dense(p, x.shape());
  v.stride = detail::dense_strides(x.shape(), x.stride);
  return v;
}

/// The segments of one update. The memory for them is kept from one to the next.
class plan {
 public:
  void reserve(std::size_t leaves) { segments_.reserve(leaves), found_.reserve(leaves); }
  void clear() { segments_.clear(), total_ = 0, longest_ = 0; }
  void add(segment& s) {
    s.start = total_, total_ += s.size, longest_ = detail::max(longest_, s.size);
    segments_.push_back(s);
  }

  /// The number of infinities and NaN at x.
  index scan(executor const& threads) {
    index sum = 0;
    each_part(threads, [&](segment const& s, index first, index last) { scan_into(sum, s, first, last); });
    return sum;
  }
  tally run(executor const& threads, pass const& p) {
    tally sum;
    each_part(threads, [&](segment const& s, index first, index last) { run_into(sum, s, p, first, last); });
    return sum;
  }
  /// The same, but a segment that holds an infinity or a NaN keeps its y. It is seen whole before its first write, for
  /// y + w (x - y) cannot be undone: one that fits in cache just before it is averaged, by the part that has its beginning;
  /// longer ones beforehand, by all parts.
  tally run_finite(executor const& threads, pass const& p) {
    found_.assign(segments_.size(), 0);
    auto const found = [this](segment const& s) -> index& { return found_[number(s)]; };
    index const whole = parts(threads) == 1 ? total_ : fits_in_cache;
    if (whole < longest_)
      each_part(threads, [&](segment const& s, index first, index last) {
        if (s.size > whole) scan_into(found(s), s, first, last);
      });
    tally sum;
    auto const guarded = [&](segment const& s, index first, index last) {
      if (s.size <= whole) scan_into(found(s), s, first, last);
      if (found(s) == 0) run_into(sum, s, p, first, last);
    };
    each_part(threads, guarded, whole);
    for (index n : found_) sum.non_finite += n, sum.skipped += n > 0;
    return sum;
  }

  /// Several plans in one pass, cut by the first: f(segment, first, last) of blocks that stay in cache.
  template <class F>
  void each_block(executor const& threads, F f) const {
    each_part(threads, [&](segment const& s, index first, index last) {
      detail::for_each_block(first, last, [&](index begin, index end) { f(number(s), begin, end); });
    });
  }
  void run_block(tally& sum, std::size_t i, pass const& p, index first, index last) const {
    run_into(sum, segments_[i], p, first, last);
  }
  /// Whether segment i of both has the same x, for every i.
  bool reads_as(plan const& o) const {
    bool same = segments_.size() == o.segments_.size();
    for (std::size_t i = 0; same && i < segments_.size(); ++i)
      same = segments_[i].x == o.segments_[i].x && segments_[i].size == o.segments_[i].size;
    return same;
  }

 private:
  static constexpr index fits_in_cache = index{1} << 16;  // elements of x, in the second level beside those of y

  std::size_t number(segment const& s) const { return static_cast<std::size_t>(&s - segments_.data()); }
  static void scan_into(index& sum, segment const& s, index first, index last) {
    tally t;
    s.loops->scan(s, pass{}, first, last, t);
    add_to(sum, t.non_finite);
  }
  static void run_into(tally& sum, segment const& s, pass const& p, index first, index last) {
    tally t;
    s.loops->run(s, p, first, last, t);
    add_to(sum.non_finite, t.non_finite), add_to(sum.stalled, t.stalled);
  }
  static void add_to(index& sum, index n) {  // g++'s and clang's own: <atomic> is 0.04 s of every translation unit
    if (n > 0) __atomic_fetch_add(&sum, n, __ATOMIC_RELAXED);
  }

  int parts(executor const& threads) const {
    constexpr index least = 32768;  // elements worth a thread
    return threads.run ? static_cast<int>(detail::clamp<index>(total_ / least, 1, detail::max(1, threads.parts))) : 1;
  }
  /// The first segment that ends beyond an element.
  std::size_t first_beyond(index at) const {
    std::size_t first = 0, last = segments_.size();
    while (first < last) {
      std::size_t const middle = (first + last) / 2;
      if (segments_[middle].start + segments_[middle].size > at)
        last = middle;
      else
        first = middle + 1;
    }
    return first;
  }
  // Cuts are at multiples of 64 elements of a leaf; leaves of up to `whole` are not cut. Every element is made by the same
  // operations whoever makes it.
  template <class F>
  void each_part(executor const& threads, F f, index whole = 0) const {
    constexpr index unit = 64;
    int const parts = this->parts(threads);
    if (parts == 1) {
      for (auto& s : segments_) f(s, 0, s.size);
      return;
    }
    auto const cut = [&](int i) { return total_ / parts * i + detail::min<index>(i, total_ % parts); };
    auto part = [&](int i) {
      index const begin = cut(i), end = cut(i + 1);
      auto const within = [whole](segment const& s, index at) {
        if (s.size <= whole) return at > s.start ? s.size : 0;
        return at >= s.start + s.size ? s.size : detail::max<index>(at - s.start, 0) / unit * unit;
      };
      for (std::size_t i = first_beyond(begin); i < segments_.size() && segments_[i].start < end; ++i) {
        segment const& s = segments_[i];
        index const first = within(s, begin), last = within(s, end);
        if (first < last) f(s, first, last);
      }
    };
    threads.run(parts, part_task(part));
  }

  std::vector<segment> segments_;
  std::vector<index> found_;
  index total_ = 0, longest_ = 0;
};

}  // namespace selfpred::detail
