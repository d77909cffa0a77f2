// SPDX-License-Identifier: MIT
// An EMA of S and X from batch to batch.
#pragma once
#include <selfpred/statistics.hpp>

namespace selfpred::detail {

/// S_bar <- rho S_bar + (1 - rho) S(batch) from 0, used as S_bar / (1 - prod rho), which is S(batch) at the first; X alike.
/// Kept in the wide type of sums, in units of the latents. A step is staged and then committed.
template <matrix M>
class moment_average {
 public:
  /// The moments to make P from. With rho = 0 they are the batch's, and nothing is kept.
  covariances<M> stage(covariances<M> const& batch, double rho, bool with_cross) {
    staged_ = rho > 0;
    if (!staged_) return batch;
    staged_product_ = product_ * rho;
    update(s_, next_s_, batch.s, batch.s_scale, rho);
    if (with_cross) update(x_, next_x_, batch.x, batch.x_scale, rho);
    return debiased(*next_s_, with_cross ? &*next_x_ : nullptr, staged_product_, batch);
  }
  void commit() {
    if (!staged_) return;
    std::swap(s_, next_s_), std::swap(x_, next_x_);
    product_ = staged_product_, staged_ = false;
  }
  /// Those of the last commit, else the batch's.
  covariances<M> current(covariances<M> const& batch) {
    return product_ < 1 ? debiased(*s_, x_ ? &*x_ : nullptr, product_, batch) : batch;
  }

  void save(double& product, std::vector<double>& s, std::vector<double>& x) const {
    product = product_;
    for (auto const& [sum, values] : {std::pair{&s_, &s}, {&x_, &x}}) {
      if (!*sum) continue;
      values->resize(static_cast<std::size_t>(shape_of(**sum).size()));
      copy_out(**sum, *values);
    }
  }
  void load(double product, std::vector<double> const& s, std::vector<double> const& x, M const& like) {
    moment_average fresh;
    fresh.product_ = product;
    for (auto const& [sum, values] : {std::pair{&fresh.s_, &s}, {&fresh.x_, &x}}) {
      if (values->empty()) continue;
      sum->emplace(accumulator(like, shape_of(like)));
      copy_in(*values, **sum);
    }
    *this = std::move(fresh);
  }

 private:
  using W = accumulator_t<M>;
  enum slot : std::size_t { s_now, x_now };

  void update(std::optional<W>& sum, std::optional<W>& next, M const& batch, double scale, double rho) {
    shape const ff = shape_of(batch);
    if (product_ < 1 && shape_of(*sum) != ff)
      throw shape_error(complaint("objective", "the covariance", ff.text(), shape_of(*sum).text()));
    for (auto* w : {&sum, &next})
      if (!*w || shape_of(**w) != ff) w->emplace(accumulator(batch, ff));
    accumulate((1 - rho) * scale, batch, 0.0, *next);
    axpby(rho, *sum, 1.0, *next);
  }
  covariances<M> debiased(W const& s, W const* x, double product, covariances<M> const& batch) {
    covariances<M> c{work_.get(s_now, batch.s, shape_of(s)),
                     work_.get(x_now, batch.s, shape_of(s)),
                     1,
                     1,
                     batch.rows,
                     batch.samples};
    c.s_scale = narrowed(s, scalar_t<M>(1 / (1 - product)), work_.get(s_now, batch.s, shape_of(s)));
    if (x) c.x_scale = narrowed(*x, scalar_t<M>(1 / (1 - product)), work_.get(x_now, batch.s, shape_of(s)));
    return c;
  }

  std::optional<W> s_, x_, next_s_, next_x_;
  double product_ = 1, staged_product_ = 1;
  bool staged_ = false;
  workspace<M> work_;
};

}  // namespace selfpred::detail
