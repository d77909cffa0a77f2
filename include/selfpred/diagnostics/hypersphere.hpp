// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/diagnostics/scatter.hpp>

namespace selfpred::diagnostics {

/// Alignment and uniformity on the unit sphere, u = z / |z| (Wang and Isola 2020):
/// alignment = mean_i |u_i - v_i|^2 over pairs of views; uniformity = log mean_{i < j} exp(-t |u_i - u_j|^2), t = 2.
///
/// Alignment: 0 where both views agree, about 2 for independent ones, 4 at most. Uniformity: 0 for a collapse, towards -4
/// (t = 2) where rows spread evenly in many dimensions; -8 is the bound. Good latents are low in both; a collapse is low
/// in alignment alone. A zero row stays zero.
/// Pairs are those within a batch, so uniformity is the mean over batches by their number of pairs: keep batches of one
/// size to compare. Batches of one row have none. NaN for a NaN until clear().
/// Errors: shape_error; domain_error for t that is not above 0; state_error where nothing was added to ask for.
/// Cost of add: two b x f scratches, a b x b Gram matrix of each view, and b^2 numbers read back (it synchronises).
/// Example: hypersphere<Eigen::MatrixXf> h; h.add(z1, z2); h.alignment(); h.uniformity()
template <matrix M>
class hypersphere {
 public:
  explicit hypersphere(double t = 2) : t_(t) {
    if (!(t > 0) || !std::isfinite(t))
      throw domain_error(selfpred::detail::complaint("hypersphere", "t", std::to_string(t), "finite and above 0"));
  }

  void clear() { distance_ = potential_ = rows_ = pairs_ = 0; }

  /// Two views of the same samples.
  template <compatible<M> Z1, compatible<M> Z2>
  void add(Z1 const& z1, Z2 const& z2) {
    detail::expect_rows("hypersphere.add", shape_of(z1));
    if (shape_of(z2) != shape_of(z1))
      throw shape_error(
          selfpred::detail::complaint("hypersphere.add", "z2", shape_of(z2).text(), shape_of(z1).text() + " as z1"));
    M &u = unit(first, z1), &v = unit(second, z2);
    add_pairs(u), add_pairs(v);
    axpby(-1.0, v, 1.0, u);
    distance_ += selfpred::value(dot(u, u));
    rows_ += static_cast<double>(shape_of(z1).rows());
  }
  /// One view: for uniformity.
  template <compatible<M> Z>
  void add(Z const& z) {
    detail::expect_rows("hypersphere.add", shape_of(z));
    add_pairs(unit(first, z));
  }

  double alignment() const {
    if (rows_ == 0) throw state_error("hypersphere.alignment: there is no pair of views, expected add(z1, z2) first");
    return distance_ / rows_;
  }
  double uniformity() const {
    if (pairs_ == 0)
      throw state_error("hypersphere.uniformity: there is no pair of rows, expected a batch of two rows");
    return std::log(potential_ / pairs_);
  }

 private:
  enum slot : std::size_t { first, second, gram };

  template <class Z>
  M& unit(slot k, Z const& z) {
    M& u = work_.get(k, z, shape_of(z));
    normalize_rows(0.0, stop_gradient(z).get(), u);
    return u;
  }
  void add_pairs(M const& u) {
    index const rows = shape_of(u).rows();
    auto const b = static_cast<std::size_t>(rows);
    M& g = work_.get(gram, u, rows, rows);
    gemm_symmetric(1.0, u, op::none, u, op::transpose, 0.0, g);
    products_.resize(b * b);
    copy_out(g, products_);
    for (std::size_t i = 0; i < b; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        double const square = products_[i * b + i] + products_[j * b + j] - 2 * products_[i * b + j];
        potential_ += std::exp(-t_ * (square < 0 ? 0 : square));
      }
    pairs_ += static_cast<double>(b * (b - 1) / 2);
  }

  double t_;
  double distance_ = 0, potential_ = 0, rows_ = 0, pairs_ = 0;
  std::vector<double> products_;
  workspace<M> work_;
};

}  // namespace selfpred::diagnostics
