// SPDX-License-Identifier: MIT
// The second moments from which closed-form predictors are made, over all views and over any number of micro-batches.
#pragma once
#include <selfpred/moment_block.hpp>

namespace selfpred {

/// Accumulates S, the mean of z z^T over the rows of all online views, and X, the mean of z_i t_j^T over the ordered
/// pairs of views i != j, with t the stopped targets. Of two views that is S = (Z1^T Z1 + Z2^T Z2) / (2 b) and
/// X = (Z1^T T2 + Z2^T T1) / (2 b), uncentred (Richemond et al. 2023, section 3). Row weights w make them weighted means:
/// S = sum_i w_i (z1_i z1_i^T + z2_i z2_i^T) / (2 sum w), X alike.
///
/// Each micro-batch is one product in M's element type; W, by default wider (double on hosts), holds the sums over
/// micro-batches, so that their number does not change the result beyond the rounding of one. statistics<M, M> sums in M,
/// within M's range. Centred moments subtract each block's own mean before its product: in float no
/// digits cancel. The raw sums are in double, and lose eps (mean / deviation)^2 where the mean is taken out of them.
/// Latents enter detached. `sums()` is what a reduction over ranks adds up.
/// Errors: shape_error; non_finite_error (hosts) for a batch with NaN or infinity. The sums are then as before.
/// Cost of add: a symmetric product b f^2 a view and a product b f^2 a pair; no allocation after the first call of a
/// shape. Options and weights also cost a copy of each view and up to three passes over it.
template <matrix M, tensor W = accumulator_t<M>>
  requires std::same_as<W, accumulator_t<M>> || std::same_as<W, M>
class statistics {
 public:
  /// Sums, to be added over ranks in place before compute(). The last three are f x 1 and used where centred alone.
  struct totals {
    W& s;
    W& x;
    scalar_t<M>& weight;       ///< of rows, over all views
    scalar_t<M>& pair_weight;  ///< of rows, over all pairs
    index& rows;
    index& samples;
    W& z_sum;
    W& z_pairs;
    W& t_pairs;
  };

  explicit statistics(moment_options const& options = {}) : options_(options) { options_.check(); }
  moment_options const& options() const { return options_; }
  void clear() {
    weight_ = scalar_t<M>(0.0), pair_weight_ = scalar_t<M>(0.0);
    rows_ = 0, samples_ = 0, empty_s_ = true, empty_x_ = true;
  }

  template <compatible<M> Z1, compatible<M> Z2>
  void add(Z1 const& z1, Z2 const& z2) {
    add_lists(std::tie(z1, z2), std::tuple<>(), detail::no_weights{});
  }
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2>
  void add(Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2) {
    add_lists(std::tie(z1, z2), std::tie(t1, t2), detail::no_weights{});
  }
  /// With a b x 1 column of row weights.
  template <compatible<M> Z1, compatible<M> Z2, stopped_tensor T1, stopped_tensor T2, matrix_with_row_scaling C>
  void add(Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2, C const& weights) {
    add_lists(std::tie(z1, z2), std::tie(t1, t2), weights);
  }
  template <compatible<M> Z1, compatible<M> Z2, matrix_with_row_scaling C>
  void add(Z1 const& z1, Z2 const& z2, C const& weights) {
    add_lists(std::tie(z1, z2), std::tuple<>(), weights);
  }
  /// Any number of views, as ranges, and at most as many targets: view i meets every target j != i.
  template <views_of<M> Z>
  void add(Z const& online) {
    add_lists(online, std::tuple<>(), detail::no_weights{});
  }
  template <views_of<M> Z, targets_of<M> T>
  void add(Z const& online, T const& targets) {
    add_lists(online, targets, detail::no_weights{});
  }
  /// A list of views (a range, or a tuple of references); of a view alone, with the targets that it meets.
  template <class Z, class T>
  void add_list(Z const& online, T const& targets, std::size_t view = detail::every_view) {
    add_lists(online, targets, detail::no_weights{}, view);
  }

  /// The sums so far. Throws state_error before the first add.
  totals sums() {
    expect_sums("statistics.sums");
    return {*s_, *x_, weight_, pair_weight_, rows_, samples_, *z_sum_, *z_pairs_, *t_pairs_};
  }
  index rows() const { return rows_; }
  /// Elements of scratch tensors; the sums are not among them.
  index workspace_size() const { return work_.size() + block_.workspace_size(); }

  /// S and X of everything added since clear(). The references stay valid until the next call.
  covariances<M> compute() {
    expect_sums("statistics.compute");
    shape const ff = shape_of(*s_);
    M &s = work_.get(block, *like_, ff), &x = work_.get(cross, *like_, ff);
    if constexpr (detail::reads_scalars_freely<M>)
      if (!(value(weight_) > 0))
        throw domain_error(detail::complaint("statistics.compute", "the sum of row weights",
                                             std::to_string(value(weight_)), "above 0"));
    scalar_t<M> const mean = reciprocal(weight_), pair_mean = reciprocal(pair_weight_);
    double const s_scale = detail::narrowed(about_mean(*s_, mean, *z_sum_, *z_sum_), mean, s);
    double const x_scale =
        empty_x_ ? 1 : detail::narrowed(about_mean(*x_, pair_mean, *z_pairs_, *t_pairs_), pair_mean, x);
    return {s, x, s_scale, x_scale, rows_, samples_};
  }

 private:
  enum slot : std::size_t { block, cross };

  template <class Z, class T, class C>
  void add_lists(Z const& z, T const& t, C const& w, std::size_t only = detail::every_view) {
    std::size_t const views = detail::count_views(z), targets = detail::count_views(t);
    index const b = check(z, t, w, views, targets, only);
    block_.make(options_, z, t, w, only);  // made and looked at before any sum changes
    bool const one = only != detail::every_view;
    std::size_t const pairs = one ? targets - (only < targets ? 1 : 0) : targets * views - targets;
    into(block_.s_factor(), block_.s(), empty_s_ ? 0.0 : 1.0, *s_);
    if (pairs > 0) into(block_.x_factor(), block_.x(), empty_x_ ? 0.0 : 1.0, *x_);
    if (options_.centred) add_means(views, targets, only);
    index const count = one ? 1 : static_cast<index>(views);
    weight_ = weight_ + block_.weight() * scalar_t<M>(static_cast<double>(count));
    pair_weight_ = pair_weight_ + block_.weight() * scalar_t<M>(static_cast<double>(pairs));
    rows_ += b, samples_ += count * b, empty_s_ = false, empty_x_ = pairs == 0;
  }

  template <class Z, class T, class C>
  index check(Z const& z, T const& t, C const& w, std::size_t views, std::size_t targets, std::size_t only) {
    if (views == 0 || targets > views || (targets > 0 && views < 2) || (only != detail::every_view && only >= views))
      throw shape_error(detail::complaint("statistics.add", "the number of views and targets",
                                          std::to_string(views) + " and " + std::to_string(targets),
                                          "a view or more, and targets for two views or more, at most one a view"));
    shape s;
    detail::each_view(z, [&](std::size_t i, auto const& x) {
      if (i == 0) s = shape_of(x);
      expect_shape("z", i, shape_of(x), s);
    });
    detail::each_view(t, [&](std::size_t i, auto const& x) { expect_shape("target", i, shape_of(x.get()), s); });
    if (s.rank != 2 || s.rows() == 0 || s.cols() == 0)
      throw shape_error(detail::complaint("statistics.add", "z1", s.text(), "at least one row and column"));
    if constexpr (!std::same_as<C, detail::no_weights>)
      if (shape_of(w) != shape(s.rows(), 1))
        throw shape_error(
            detail::complaint("statistics.add", "weights", shape_of(w).text(), shape(s.rows(), 1).text()));
    if (!empty_s_ && empty_x_ != (targets == 0))
      throw state_error("statistics.add: batches with and without targets meet, expected one kind since clear()");
    shape const ff(s.cols(), s.cols());
    if (!empty_s_ && shape_of(*s_) != ff)
      throw shape_error(detail::complaint("statistics.add", "the number of columns", ff.text(), shape_of(*s_).text()));
    if (!s_ || shape_of(*s_) != ff)
      detail::each_view(z, [&](std::size_t i, auto const& x) {
        if (i == 0) make_sums(x, s.cols());
      });
    return s.rows();
  }

  // What the means of a block add to the raw sums: with z = y + c and sum y = 0, sum z z^T = sum y y^T + n c c^T.
  void add_means(std::size_t views, std::size_t targets, std::size_t only) {
    double keep = empty_s_ ? 0 : 1, keep_pair = keep;
    scalar_t<M> const n = block_.weight();
    for (std::size_t i = 0; i < views; ++i) {
      if (only != detail::every_view && i != only) continue;
      into(1.0, block_.online_mean(i), 0.0, *z_mean_);
      axpby(n, *z_mean_, keep, *z_sum_);
      keep = 1;
      gemm(n, *z_mean_, op::none, *z_mean_, op::transpose, 1.0, *s_);
      for (std::size_t j = 0; j < targets; ++j) {
        if (i == j) continue;
        into(1.0, block_.target_mean(j), 0.0, *t_mean_);
        axpby(n, *z_mean_, keep_pair, *z_pairs_);
        axpby(n, *t_mean_, keep_pair, *t_pairs_);
        keep_pair = 1;
        gemm(n, *z_mean_, op::none, *t_mean_, op::transpose, 1.0, *x_);
      }
    }
  }
  W const& about_mean(W const& sum, scalar_t<M> const& mean, W const& left, W const& right) {
    if (!options_.centred) return sum;
    copy(sum, *wide_);
    gemm(mean * scalar_t<M>(-1.0), left, op::none, right, op::transpose, 1.0, *wide_);
    return *wide_;
  }

  static void into(scalar_t<M> const& a, M const& x, scalar_t<M> const& b, W& sum) {
    if constexpr (std::same_as<W, accumulator_t<M>>)
      accumulate(a, x, b, sum);
    else
      axpby(a, x, b, sum);
  }
  template <class L>
  void make_sums(L const& like, index f) {
    auto const make = [&](std::optional<W>& sum, shape const& s) {
      if constexpr (std::same_as<W, accumulator_t<M>>)
        sum.emplace(accumulator(like, s));
      else
        sum.emplace(detail::make_owner<M>(like, s));
    };
    make(s_, shape(f, f)), make(x_, shape(f, f));
    for (auto* column : {&z_sum_, &z_pairs_, &t_pairs_}) make(*column, shape(f, 1));
    if (options_.centred) make(wide_, shape(f, f)), make(z_mean_, shape(f, 1)), make(t_mean_, shape(f, 1));
    like_.emplace(detail::make_owner<M>(like, shape(1, 1)));
    clear();
  }
  void expect_sums(char const* where) const {
    if (!s_ || empty_s_) throw state_error(std::string(where) + ": nothing was added, expected a batch");
  }
  static void expect_shape(char const* what, std::size_t i, shape const& got, shape const& expected) {
    if (got != expected)
      throw shape_error(detail::complaint("statistics.add", what + std::to_string(i + 1), got.text(), expected.text()));
  }

  moment_options options_;
  std::optional<W> s_, x_, z_sum_, z_pairs_, t_pairs_, wide_, z_mean_, t_mean_;
  std::optional<M> like_;  // where workspaces are made: device and type travel with it
  scalar_t<M> weight_ = scalar_t<M>(0.0), pair_weight_ = scalar_t<M>(0.0);
  index rows_ = 0, samples_ = 0;
  bool empty_s_ = true, empty_x_ = true;
  workspace<M> work_;
  detail::moment_block<M> block_;
};

}  // namespace selfpred
