// SPDX-License-Identifier: MIT
// The second moments that predictors are made from, how they are to be taken, and lists of views.
#pragma once
#include <optional>
#include <selfpred/stop_gradient.hpp>
#include <selfpred/workspace.hpp>
#include <tuple>

namespace selfpred {
namespace detail {

inline void expect_at_least(char const* where, char const* what, double got, double least) {
  if (!(got >= least) || !std::isfinite(got))
    throw domain_error(complaint(where, what, std::to_string(got), "finite and at least " + std::to_string(least)));
}
inline void expect_momentum(char const* where, char const* what, double got) {
  if (!(got >= 0 && got < 1)) throw domain_error(complaint(where, what, std::to_string(got), "in [0, 1)"));
}

}  // namespace detail

/// How second moments are taken; a rule asks for it by moments(), an objective by its options.
struct moment_options {
  bool normalise_rows = false;  ///< of z/|z| and t/|t|; P applies to z all the same
  bool centred = false;         ///< about the mean of all rows, S and X alike
  double momentum = 0;          ///< of an EMA of S and X, the weight of the old, in [0, 1); 0: of one batch

  void check() const { detail::expect_momentum("statistics", "momentum", momentum); }
  friend bool operator==(moment_options const&, moment_options const&) = default;
};

/// S = s_scale * s and X = x_scale * x, both f x f. The scales are powers of two, 1 but for latents so large or small
/// that their squares leave the range of the element type. x is meaningless unless the sums had targets.
template <matrix M>
struct covariances {
  M const& s;
  M const& x;
  double s_scale = 1;
  double x_scale = 1;
  index rows = 0;     ///< rows in one view, over all micro-batches
  index samples = 0;  ///< rows of which S is the mean: those of every view
};

namespace detail {

/// Reading a scalar costs nothing on hosts, so there results may be looked at; elsewhere a step must not read back.
template <class M>
inline constexpr bool reads_scalars_freely = std::same_as<scalar_t<M>, double>;

/// A power of two that brings n values with sum of squares `squares` near 1; 1 where there is none.
inline double power_of_two_scale(double squares, index n) {
  if (!(squares > 0) || !std::isfinite(squares)) return 1;
  return std::exp2(-std::round(std::log2(squares / static_cast<double>(n)) / 2));
}

/// y <- mean * sum / scale; returns the scale, other than 1 only where y would leave its range.
template <class W, matrix M>
double narrowed(W const& sum, scalar_t<M> const& mean, M& y) {
  double scale = 1;
  if constexpr (reads_scalars_freely<M>) {
    double const n = mean * mean * dot(sum, sum);
    if (!(n >= 1e-24 && n <= 1e+24)) scale = 1 / power_of_two_scale(n, 1);
  }
  if constexpr (std::same_as<W, accumulator_t<M>>)
    narrow(mean * scalar_t<M>(1 / scale), sum, y);
  else
    axpby(mean * scalar_t<M>(1 / scale), sum, 0.0, y);
  return scale;
}

// A list of views is a tuple of references, of any types, or a range of one type; of pointers where the library made it.

template <class T>
decltype(auto) pointed(T const& x) {
  if constexpr (std::is_pointer_v<T>)
    return (*x);
  else
    return (x);
}
/// f(i, x) for every view in order.
template <class L, class F>
void each_view(L const& list, F f) {
  std::size_t i = 0;
  if constexpr (requires { std::tuple_size<L>::value; })
    std::apply([&](auto const&... x) { (f(i++, detail::pointed(x)), ...); }, list);
  else
    for (auto const& x : list) f(i++, detail::pointed(x));
}
template <class L>
std::size_t count_views(L const& list) {
  std::size_t n = 0;
  detail::each_view(list, [&](std::size_t, auto const&) { ++n; });
  return n;
}
/// The values of a view, live or stopped, without its graph.
template <class T>
auto detached(T const& x) {
  if constexpr (stopped_tensor<T>)
    return stop_gradient(x.get());
  else
    return stop_gradient(x);
}

template <class R>
concept view_range = iterable<R const> && !tensor<R> && tensor<item_t<R const>>;
template <class R>
concept target_range = iterable<R const> && !tensor<R> && stopped_tensor<item_t<R const>>;

}  // namespace detail

/// A range of online latents that work with M, one tensor a view; and of their stopped targets.
template <class R, class M>
concept views_of = detail::view_range<R> && compatible<M, detail::item_t<R const>>;
template <class R, class M>
concept targets_of = detail::target_range<R> && compatible<M, stopped_value_t<detail::item_t<R const>>>;

}  // namespace selfpred
