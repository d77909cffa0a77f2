// SPDX-License-Identifier: MIT
// The same mathematics as a user would write it by hand: on Eigen, and with the products by BLAS. Buffers live on, as
// ours do.
#pragma once
#include <Eigen/Dense>
#include <cmath>

#include "blas.hpp"

namespace bench {

template <class S>
using matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
using matrix_f = matrix<float>;

template <class S>
void mirror(matrix<S>& s) {
  s.template triangularView<Eigen::StrictlyUpper>() = s.transpose();
}

/// Products as Eigen's documentation writes them.
struct by_eigen {
  template <class S>
  static void multiply(matrix<S> const& x, matrix<S> const& y, matrix<S>& z) {
    z.noalias() = x * y;
  }
  template <class S>
  static void multiply_transposed(matrix<S> const& x, matrix<S> const& y, matrix<S>& z) {
    z.noalias() = x * y.transpose();
  }
  static void covariance(matrix_f const& z, matrix_f& s) {
    s.noalias() = 1 / static_cast<float>(z.rows()) * z.transpose() * z;
  }
  static void covariance(matrix_f const& z1, matrix_f const& z2, matrix_f& s) {
    float const scale = 0.5F / static_cast<float>(z1.rows());
    s.noalias() = scale * z1.transpose() * z1;
    s.noalias() += scale * z2.transpose() * z2;
  }
};

/// The same, with one triangle of the covariance.
struct by_eigen_rank_update : by_eigen {
  static void covariance(matrix_f const& z1, matrix_f const& z2, matrix_f& s) {
    float const scale = 0.5F / static_cast<float>(z1.rows());
    s.setZero();
    s.selfadjointView<Eigen::Lower>().rankUpdate(z1.transpose(), scale);
    s.selfadjointView<Eigen::Lower>().rankUpdate(z2.transpose(), scale);
    mirror(s);
  }
};

#ifdef SELFPRED_BENCH_BLAS
struct by_gemm {
  template <class S>
  static void multiply(matrix<S> const& x, matrix<S> const& y, matrix<S>& z) {
    blas::gemm(S(1), x, 'N', y, 'N', S(0), z);
  }
  template <class S>
  static void multiply_transposed(matrix<S> const& x, matrix<S> const& y, matrix<S>& z) {
    blas::gemm(S(1), x, 'N', y, 'T', S(0), z);
  }
  static void covariance(matrix_f const& z, matrix_f& s) {
    blas::gemm(1 / static_cast<float>(z.rows()), z, 'T', z, 'N', 0.F, s);
  }
  static void covariance(matrix_f const& z1, matrix_f const& z2, matrix_f& s) {
    float const scale = 0.5F / static_cast<float>(z1.rows());
    blas::gemm(scale, z1, 'T', z1, 'N', 0.F, s);
    blas::gemm(scale, z2, 'T', z2, 'N', 1.F, s);
  }
};
struct by_syrk : by_gemm {
  static void covariance(matrix_f const& z1, matrix_f const& z2, matrix_f& s) {
    float const scale = 0.5F / static_cast<float>(z1.rows());
    blas::syrk(scale, z1, 0.F, s);
    blas::syrk(scale, z2, 1.F, s);
    mirror(s);
  }
};
#endif

/// p <- sqrt(||s||) A_n by the recursion as the paper writes it, three products an iteration. `trimmed` leaves out the
/// two products with B_0 = I and the last B.
template <class Products, class S = float, bool trimmed = false>
struct newton_schulz_twin {
  matrix<S> a, b, t, next;

  void operator()(matrix<S> const& s, int n, matrix<S>& p) {
    S const norm = s.norm();
    a = s / norm;
    b.setIdentity(s.rows(), s.cols());
    t.resize(s.rows(), s.cols()), next.resize(s.rows(), s.cols());
    for (int k = 0; k < n; ++k) {
      if (trimmed && k == 0)
        t = a;
      else
        Products::multiply(b, a, t);
      t = S(-0.5) * t;
      t.diagonal().array() += S(1.5);
      Products::multiply(a, t, next);
      a.swap(next);
      if (trimmed && k == 0) {
        b = t;
      } else if (!trimmed || k + 1 < n) {
        Products::multiply(t, b, next);
        b.swap(next);
      }
    }
    p = std::sqrt(norm) * a;
  }
};

/// Two stages of it, the second on the first's P.
template <class Products>
struct newton_schulz_squared_twin {
  newton_schulz_twin<Products> stage;
  matrix_f first;

  void operator()(matrix_f const& s, int n, matrix_f& p) {
    stage(s, n, first);
    stage(first, n, p);
  }
};

/// p <- B_n s / ||B_n||, B_n of the same recursion on s^T s.
template <class Products>
struct stiefel_twin {
  newton_schulz_twin<Products> recursion;
  matrix_f squared, root;

  void operator()(matrix_f const& s, int n, matrix_f& p) {
    squared.resize(s.rows(), s.cols()), p.resize(s.rows(), s.cols());
    Products::multiply(s, s, squared);
    recursion(squared, n, root);
    Products::multiply(recursion.b, s, p);
    p /= recursion.b.norm();
  }
};

/// P_0 = I / (2 eta), P <- P + eta (S - P^2), eta = 1 / (2 sqrt(||s||)).
template <class Products>
struct visser_twin {
  matrix_f squared;

  void operator()(matrix_f const& s, int n, matrix_f& p) {
    float const eta = 0.5F / std::sqrt(s.norm());
    p.setIdentity(s.rows(), s.cols());
    p *= 0.5F / eta;
    squared.resize(s.rows(), s.cols());
    for (int k = 0; k < n; ++k) {
      Products::multiply(p, p, squared);
      p += eta * (s - squared);
    }
  }
};

/// The loss of Q = Z P against T, and dL/dZ.
template <class Products>
struct loss_twin {
  matrix_f q, u, v, d, dz;
  Eigen::VectorXf r, along;

  float operator()(matrix_f const& z, matrix_f const& t, matrix_f const& p) {
    float const b = static_cast<float>(z.rows());
    q.resize(z.rows(), z.cols()), dz.resize(z.rows(), z.cols());
    Products::multiply(z, p, q);
    r = q.rowwise().norm();
    u = q.array().colwise() / r.array();
    v = t.rowwise().normalized();
    d = u - v;
    float const loss = d.squaredNorm() / b;
    along = d.cwiseProduct(u).rowwise().sum();
    d.array() -= u.array().colwise() * along.array();
    d.array().colwise() *= 2 / (b * r.array());
    Products::multiply_transposed(d, p, dz);
    return loss;
  }
};

/// A step of the objective: moments, Newton-Schulz, EMA of P without bias, alpha I, both losses and their gradients.
template <class Products, bool trimmed = false>
struct step_twin {
  float alpha = 0.3F, momentum = 0.99F, product = 1, loss = 0;
  matrix_f s, p, average, applied;
  newton_schulz_twin<Products, float, trimmed> rule;
  loss_twin<Products> first, second;

  void operator()(matrix_f const& z1, matrix_f const& z2, matrix_f const& t1, matrix_f const& t2) {
    Eigen::Index const f = z1.cols();
    s.resize(f, f);
    Products::covariance(z1, z2, s);
    rule(s, 9, p);
    if (average.size() == 0) average.setZero(f, f);
    average = momentum * average + (1 - momentum) * p;
    product *= momentum;
    applied = average / (1 - product);
    applied.diagonal().array() += alpha;
    loss = first(z1, t2, applied) + second(z2, t1, applied);
  }
};

}  // namespace bench
