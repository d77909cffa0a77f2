// SPDX-License-Identifier: MIT
#pragma once

#include "lanes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace support {

/// Each column shifted and scaled to mean 0 and variance 1 on the training rows; the others follow.
template <class... Other>
void standardise(matrix& train, Other&... others) {
  auto const mean = train.colwise().mean().eval();
  train.rowwise() -= mean;
  auto scale = (train.colwise().squaredNorm() / static_cast<float>(train.rows())).cwiseSqrt().eval();
  for (auto& s : scale) s = s > 1e-6F ? 1 / s : 0.0F;  // a constant column says nothing
  train *= scale.asDiagonal();
  ((others = (others.rowwise() - mean) * scale.asDiagonal()), ...);
}

namespace detail {

/// Mean cross-entropy of softmax(x w), plus l2 / 2 |w|^2; its gradient is written. The last row of w is the bias.
inline auto cross_entropy(matrix const& x, std::span<int const> labels, matrix const& w, double l2, matrix& gradient)
    -> double {
  auto sums = std::array<matrix, lanes>{};
  auto losses = std::array<double, lanes>{};
  auto const d = x.cols();
  each_lane(x.rows(), [&](int lane, Index first, Index last) {
    auto const mine = static_cast<std::size_t>(lane);
    auto const rows = x.middleRows(first, last - first);
    matrix p = rows * w.topRows(d);
    p.rowwise() += w.row(d);
    for (Index i = 0; i < p.rows(); ++i) {
      auto const label = labels[static_cast<std::size_t>(first + i)];
      auto row = p.row(i);
      row.array() -= row.maxCoeff();
      auto const logit = row(label);
      row = row.array().exp();
      auto const sum = row.sum();
      losses[mine] += std::log(sum) - logit;
      row /= sum;
      row(label) -= 1;
    }
    sums[mine].resize(w.rows(), w.cols());
    sums[mine].topRows(d).noalias() = rows.transpose() * p;
    sums[mine].row(d) = p.colwise().sum();
  });
  auto const n = static_cast<double>(x.rows());
  gradient.setZero(w.rows(), w.cols());
  for (auto const& sum : sums) gradient += sum;
  gradient /= static_cast<float>(n);
  gradient.topRows(d) += static_cast<float>(l2) * w.topRows(d);
  return std::accumulate(losses.begin(), losses.end(), 0.0) / n + l2 / 2 * w.topRows(d).squaredNorm();
}

/// Limited-memory BFGS with a backtracking line search, from w; value(w, gradient) is convex.
template <class Value>
void minimise(Value&& value, matrix& w, int iterations) {
  auto const dot = [](matrix const& a, matrix const& b) { return static_cast<double>(a.cwiseProduct(b).sum()); };
  auto history = std::deque<std::pair<matrix, matrix>>{};  // steps, and what they changed in the gradient
  auto gradient = matrix{}, next_gradient = matrix{}, next = matrix{};
  auto f = value(w, gradient);
  auto const enough = 1e-4 * std::sqrt(dot(gradient, gradient));
  for (int k = 0; k < iterations && std::sqrt(dot(gradient, gradient)) > enough; ++k) {
    auto direction = matrix{-gradient};
    auto weights = std::vector<double>{};
    for (auto i = history.rbegin(); i != history.rend(); ++i) {
      auto const& [s, y] = *i;
      weights.push_back(dot(s, direction) / dot(s, y));
      direction -= static_cast<float>(weights.back()) * y;
    }
    if (!history.empty()) {
      auto const& [s, y] = history.back();
      direction *= static_cast<float>(dot(s, y) / dot(y, y));
    }
    for (auto const& [s, y] : history) {
      direction += static_cast<float>(weights.back() - dot(y, direction) / dot(s, y)) * s;
      weights.pop_back();
    }
    auto const slope = dot(gradient, direction);
    auto step = 1.0;
    auto below = f;
    for (int tries = 0; tries < 30; ++tries, step /= 2) {
      next = w + static_cast<float>(step) * direction;
      below = value(next, next_gradient);
      if (below <= f + 1e-4 * step * slope) break;
    }
    if (!(below < f)) return;  // as low as float goes
    auto change = std::pair<matrix, matrix>{next - w, next_gradient - gradient};
    if (dot(change.first, change.second) > 0) history.push_back(std::move(change));
    if (history.size() > 10) history.pop_front();
    std::swap(w, next), std::swap(gradient, next_gradient);
    f = below;
  }
}

}  // namespace detail

/// Multinomial logistic regression with a ridge: the weights, with the bias as last row.
inline auto fit_probe(matrix const& train, std::span<int const> labels, int classes, double l2) -> matrix {
  auto w = matrix::Zero(train.cols() + 1, classes).eval();
  detail::minimise(
      [&](matrix const& at, matrix& gradient) { return detail::cross_entropy(train, labels, at, l2, gradient); }, w,
      300);
  return w;
}

/// Accuracy of a probe in per cent.
inline auto probe_accuracy(matrix const& w, matrix const& rows, std::span<int const> labels) -> double {
  auto const scores = ((rows * w.topRows(rows.cols())).rowwise() + w.row(rows.cols())).eval();
  auto hits = 0;
  for (Index i = 0; i < scores.rows(); ++i) {
    auto best = Index{0};
    scores.row(i).maxCoeff(&best);
    hits += best == labels[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  return 100.0 * hits / static_cast<double>(scores.rows());
}

/// Accuracy in per cent of a vote among the k nearest training rows by cosine, each with its cosine as weight.
inline auto nearest_neighbours(matrix train, std::span<int const> labels, matrix test, std::span<int const> test_labels,
                               int classes, std::size_t k = 20) -> double {
  train.rowwise().normalize();
  test.rowwise().normalize();
  k = std::min(k, labels.size());
  auto hits = std::array<int, lanes>{};
  each_lane(test.rows(), [&](int lane, Index begin, Index end) {
    auto order = std::vector<Index>(labels.size());
    auto cosines = matrix{};
    for (auto first = begin; first < end; first += 64) {
      auto const n = std::min<Index>(64, end - first);
      cosines.noalias() = test.middleRows(first, n) * train.transpose();
      for (Index i = 0; i < n; ++i) {
        std::iota(order.begin(), order.end(), Index{0});
        auto const nearer = [row = cosines.row(i)](Index a, Index b) {
          return row(a) != row(b) ? row(a) > row(b) : a < b;
        };
        std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k) - 1, order.end(), nearer);
        auto votes = row_of<double>::Zero(classes).eval();
        for (auto j = std::size_t{0}; j < k; ++j)
          votes(labels[static_cast<std::size_t>(order[j])]) += static_cast<double>(cosines(i, order[j]));
        auto best = Index{0};
        votes.maxCoeff(&best);
        hits[static_cast<std::size_t>(lane)] += best == test_labels[static_cast<std::size_t>(first + i)] ? 1 : 0;
      }
    }
  });
  return 100.0 * std::accumulate(hits.begin(), hits.end(), 0) / static_cast<double>(test.rows());
}

}  // namespace support
