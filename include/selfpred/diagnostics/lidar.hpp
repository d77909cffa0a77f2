// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/diagnostics/scatter.hpp>
#include <selfpred/diagnostics/spectrum.hpp>

namespace selfpred::diagnostics {

/// LiDAR: the RankMe of what tells objects apart, exp(-sum p log p), p = l / sum l + epsilon, l the eigenvalues of
/// Sw^(-1/2) Sb Sw^(-1/2) (Thilak et al. 2024). Sb is the covariance of the objects' means over their views (n - 1 in the
/// denominator), Sw that of the views about them (n (q - 1)), plus delta I.
///
/// Between 1 and min(f, n - 1): unlike RankMe it does not count directions in which the views of one object differ.
/// Towards 1 few directions tell objects apart; 0 where nothing does. As for RankMe, compare runs on one data set.
/// delta is in units of the latents' variance; the authors' 1e-4 is for latents of about unit size.
/// NaN for a NaN until clear(). M is the owner in which scratch is made.
/// Errors: shape_error for views of different shapes or no rows; domain_error for delta or epsilon out of range;
/// state_error for value() with fewer than two objects.
/// Cost of add: q + 1 symmetric products b f^2, two b x f scratches, no synchronisation. value(): two
/// eigendecompositions f x f and two products; synchronises.
/// Example: lidar<Eigen::MatrixXf> rank; rank.add(z1, z2); rank.value()
template <matrix_with_eigh M>
class lidar {
 public:
  explicit lidar(double delta = 1e-4, double epsilon = 1e-8) : delta_(delta), epsilon_(epsilon) {
    if (!(delta > 0) || !std::isfinite(delta) || !(epsilon >= 0) || !std::isfinite(epsilon))
      throw domain_error(selfpred::detail::complaint("lidar", "delta, epsilon",
                                                     std::to_string(delta) + ", " + std::to_string(epsilon),
                                                     "finite, delta above 0 and epsilon at least 0"));
  }

  void clear() { between_.clear(), freedom_ = 0; }
  index objects() const { return between_.count(); }

  /// Row i of every view is the same object. Two views or more; their number may change between batches.
  template <compatible<M> Z, compatible<M>... More>
    requires(sizeof...(More) > 0)
  void add(Z const& z, More const&... more) {
    shape const s = shape_of(z);
    detail::expect_rows("lidar.add", s);
    auto const expect = [&](shape const& got) {
      if (got != s) throw shape_error(selfpred::detail::complaint("lidar.add", "a view", got.text(), s.text()));
    };
    (expect(shape_of(more)), ...);
    if (objects() > 0) expect(shape(s.rows(), between_.features()));

    constexpr double share = 1.0 / (1 + sizeof...(More));
    M& mean = work_.get(means, z, s);
    axpby(share, stop_gradient(z).get(), 0.0, mean);
    (axpby(share, stop_gradient(more).get(), 1.0, mean), ...);
    M& gram = work_.get(square, z, s.cols(), s.cols());
    double keep = 0;
    auto const add_view = [&](auto const& view) {
      M& d = work_.get(difference, z, s);
      copy(mean, d);
      axpby(1.0, stop_gradient(view).get(), -1.0, d);
      gemm_symmetric(1.0, d, op::transpose, d, op::none, keep, gram);
      keep = 1;
    };
    add_view(z), (add_view(more), ...);
    if (!within_ || shape_of(*within_) != shape_of(gram)) within_.emplace(accumulator(gram, shape_of(gram)));
    accumulate(1.0, gram, freedom_ == 0 ? 0.0 : 1.0, *within_);
    freedom_ += static_cast<double>(s.rows()) * sizeof...(More);
    between_.add(mean);
  }

  double value() {
    if (objects() < 2)
      throw state_error(
          selfpred::detail::complaint("lidar.value", "the number of objects", std::to_string(objects()), "at least 2"));
    index const f = between_.features();
    auto b = between_.compute();
    std::vector<double> w(b.size()), l(static_cast<std::size_t>(f));
    copy_out(*within_, w);
    for (std::size_t i = 0; i < b.size(); ++i) {
      b[i] /= static_cast<double>(objects() - 1);
      w[i] = w[i] / freedom_ + (i % static_cast<std::size_t>(f + 1) == 0 ? delta_ : 0);
      if (!std::isfinite(b[i]) || !std::isfinite(w[i])) return std::numeric_limits<double>::quiet_NaN();
    }
    M &sb = work_.get(square, between_.like(), f, f), &sw = work_.get(spread, between_.like(), f, f),
      &root = work_.get(inverse_root, between_.like(), f, f);
    copy_in(b, sb);
    copy_in(w, sw);
    eigh_power(sw, -0.5, root);
    gemm(1.0, root, op::none, sb, op::none, 0.0, sw);
    gemm(1.0, sw, op::none, root, op::none, 0.0, sb);
    eigenvalues(sb, l);
    return detail::entropy_rank(l, epsilon_);
  }

 private:
  enum slot : std::size_t { means, difference, square, spread, inverse_root };
  double delta_, epsilon_, freedom_ = 0;
  std::optional<accumulator_t<M>> within_;
  scatter<M> between_;
  workspace<M> work_;
};

}  // namespace selfpred::diagnostics
