// SPDX-License-Identifier: MIT
// The loops of a pass over contiguous memory. Plain ones: compilers vectorise them to the speed of memory.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/ema/options.hpp>
#include <selfpred/strided/element.hpp>

namespace selfpred::detail {

struct tally {
  index non_finite = 0, stalled = 0, skipped = 0;
};

/// What is the same for all leaves of one update.
struct pass {
  double weight = 0;  // 1 - tau
  bool count_non_finite = false, count_stalls = false;
  cast_back narrow = cast_back::nearest;
  std::uint64_t seed = 0;
};

struct segment;
/// The loops of one element type.
struct segment_loops {
  using loop = void (*)(segment const&, pass const&, index first, index last, tally&);
  loop run, scan;
};

/// A leaf in contiguous memory: `size` elements at x and at y, both in the same order; y is a shadow where the leaf is
/// narrow. Elements first .. last are independent of all others. Small, for an update writes thousands of them into cold
/// memory.
struct segment {
  void const* x = nullptr;
  void* y = nullptr;
  index size = 0, start = 0;  // start: of this leaf in the concatenation of all
  segment_loops const* loops = nullptr;
};

/// The float average of a narrow leaf, in the order of the target's memory.
struct shadow {
  std::vector<float> values;
  std::size_t leaf = 0;
  void* narrow = nullptr;  // in this update: the target's own leaf
};

/// f(first, last) for blocks of a part that stay in the first-level cache, so that what is counted is read from memory once.
template <class F>
[[gnu::always_inline]] inline void for_each_block(index first, index last, F f) {
  constexpr index block = 2048;
  for (index i = first; i < last; i += block) f(i, detail::min(last, i + block));
}

template <class S>
void scan_run(segment const& s, pass const&, index first, index last, tally& t) {
  auto const* const x = static_cast<S const*>(s.x);
  detail::for_each_block(first, last, [&](index begin, index end) {
    std::int32_t count = 0;  // of one block: 32 bits are enough, and vectorise
    for (index i = begin; i < end; ++i) count += detail::non_finite(x[i]) ? 1 : 0;
    t.non_finite += count;
  });
}

template <class S>
void copy_run(segment const& s, pass const& p, index first, index last, tally& t) {
  if (p.count_non_finite) detail::scan_run<S>(s, p, first, last, t);
  detail::copy_n(static_cast<S const*>(s.x) + first, last - first, static_cast<S*>(s.y) + first);
}

template <class S>
void average_run(segment const& s, pass const& p, index first, index last, tally& t) {
  auto const w = static_cast<S>(p.weight);
  auto const average = [&](index begin, index end) {
    auto const* const x = static_cast<S const*>(s.x);
    auto* const y = static_cast<S*>(s.y);
    if (p.weight == 1)
      detail::copy_n(x + begin, end - begin, y + begin);
    else
#pragma GCC unroll 4  // 0.95 of the speed of reading both streams at 25e6 floats, a plain loop 0.92
      for (index i = begin; i < end; ++i) y[i] = detail::ema_step<S>(w, x[i], y[i]);
  };
  if (!p.count_non_finite) return average(first, last);
  detail::for_each_block(first, last, [&](index begin, index end) {
    detail::scan_run<S>(s, p, begin, end, t);
    average(begin, end);
  });
}
template <class S, class R>
void average_complex_run(segment const& s, pass const& p, index first, index last, tally& t) {
  detail::average_run<R>(s, p, 2 * first, 2 * last, t);  // std::complex<R> is an array of two R
}

/// Whether an average held in S would have stayed where it is, although x is elsewhere.
template <class S>
bool stalls(float w, float x, float y) {
  using narrow = narrow_float<S>;
  float const held = narrow::widen(narrow::round(y));
  return x != held && narrow::widen(narrow::round(ema_step<float>(w, x, held))) == held;
}

template <class S>
void narrow_block(segment const& s, pass const& p, index first, index last, tally& t) {
  using narrow = narrow_float<S>;
  auto const w = static_cast<float>(p.weight);
  auto const* const x = static_cast<S const*>(s.x);
  auto& own = *static_cast<shadow*>(s.y);
  auto* const y = own.values.data();
  auto* const z = static_cast<S*>(own.narrow);
  if (p.count_non_finite) detail::scan_run<S>(s, p, first, last, t);
  if (p.count_stalls)
    for (index i = first; i < last; ++i) t.stalled += detail::stalls<S>(w, narrow::widen(x[i]), y[i]) ? 1 : 0;
  if (w == 1)
    for (index i = first; i < last; ++i) y[i] = narrow::widen(x[i]);
  else
    for (index i = first; i < last; ++i) y[i] = detail::ema_step<float>(w, narrow::widen(x[i]), y[i]);
  if (p.narrow == cast_back::nearest)
    for (index i = first; i < last; ++i) z[i] = narrow::round(y[i]);
  else if (p.narrow == cast_back::stochastic)
    for (index i = first; i < last; ++i)
      z[i] = detail::round_stochastic<S>(y[i], detail::uniform(p.seed, own.leaf, static_cast<std::uint64_t>(i)));
}
template <class S>
void narrow_run(segment const& s, pass const& p, index first, index last, tally& t) {
  detail::for_each_block(first, last, [&](index begin, index end) { detail::narrow_block<S>(s, p, begin, end, t); });
}

template <class S>
inline constexpr segment_loops copy_loops{copy_run<S>, scan_run<S>};
template <class S>
inline constexpr segment_loops average_loops{average_run<S>, scan_run<S>};
template <complex_element S>
inline constexpr segment_loops average_loops<S>{average_complex_run<S, typename S::value_type>, scan_run<S>};
template <class S>
inline constexpr segment_loops narrow_loops{narrow_run<S>, scan_run<S>};

}  // namespace selfpred::detail
