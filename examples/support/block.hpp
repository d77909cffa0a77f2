// SPDX-License-Identifier: MIT
#pragma once

#include "lanes.hpp"
#include "random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace support {

/// The shape of a square convolution on channels-last images. A linear layer is a 1x1 kernel on a 1x1 image.
struct geometry {
  Index side, channels, kernel, stride, outputs;

  auto out_side() const -> Index { return (side + 2 * (kernel / 2) - kernel) / stride + 1; }
  auto pixels() const -> Index { return out_side() * out_side(); }  // rows of the output per image
  auto patch() const -> Index { return kernel * kernel * channels; }
  auto image() const -> Index { return side * side * channels; }
};

/// Convolution, batch normalisation, ReLU. The convolution has no bias: the normalisation would remove it.
template <class S>
struct block {
  block(geometry const& g, random& draw) : weight(g.patch(), g.outputs) {
    auto const scale = std::sqrt(2.0 / static_cast<double>(g.patch()));
    for (auto& w : weight.reshaped()) w = static_cast<S>(scale * draw.normal());
    gamma.setOnes(g.outputs), beta.setZero(g.outputs);
    mean.setZero(g.outputs), variance.setOnes(g.outputs);
  }

  matrix_of<S> weight;
  row_of<S> gamma, beta;
  row_of<S> mean, variance;  // running statistics
};

/// Buffers that one lane works in; they grow to what the largest layer needs and stay.
template <class S>
struct lane_scratch {
  std::vector<S> patches, pixels, weight;
  std::vector<double> first, second;
};

template <class S>
using scratch = std::array<lane_scratch<S>, lanes>;

template <class T>
auto grown(std::vector<T>& buffer, Index rows, Index columns) -> Eigen::Map<matrix_of<T>> {
  auto const size = static_cast<std::size_t>(rows * columns);
  if (buffer.size() < size) buffer.resize(size);
  return {buffer.data(), rows, columns};
}

/// What the forward pass of one block leaves for its backward pass; rows are pixels, columns channels.
template <class S>
struct block_tape {
  matrix_of<S> convolved, activated, gradient;  // gradient: of the loss, with respect to activated
  row_of<S> mean, scale;                        // scale is 1 / standard deviation
};

enum class mode { training, evaluation };

namespace detail {

inline constexpr double batch_norm_floor = 1e-5;
inline constexpr Index rows_at_once = 128;

/// Visits the contiguous runs that patches and image share: visit(offset in the patches, offset in the image, length).
template <class Visit>
void each_run(geometry const& g, Visit&& visit) {
  auto const pad = g.kernel / 2;
  for (Index y = 0, row = 0; y < g.out_side(); ++y)
    for (Index x = 0; x < g.out_side(); ++x, row += g.patch()) {
      auto const left = x * g.stride - pad, from = std::max<Index>(left, 0);
      auto const length = (std::min(left + g.kernel, g.side) - from) * g.channels;
      for (Index k = 0; k < g.kernel; ++k)
        if (auto const line = y * g.stride - pad + k; line >= 0 && line < g.side)
          visit(row + (k * g.kernel + from - left) * g.channels, (line * g.side + from) * g.channels, length);
    }
}

/// Images are taken a few at a time, so that their patches stay in the cache between their making and their use.
inline auto images_at_once(geometry const& g) -> Index {
  return std::max<Index>(1, 131'072 / (g.pixels() * g.patch()));
}

template <class S>
void unfold(geometry const& g, S const* images, Index count, Eigen::Map<matrix_of<S>> patches) {
  patches.setZero();
  for (Index i = 0; i < count; ++i) {
    auto const* const from = images + i * g.image();
    auto* const to = patches.data() + i * g.pixels() * g.patch();
    each_run(g, [&](Index patch, Index pixel, Index n) { std::copy_n(from + pixel, n, to + patch); });
  }
}

template <class S>
void fold(geometry const& g, Eigen::Map<matrix_of<S>> patches, Index count, S* images) {
  std::fill_n(images, count * g.image(), S{0});
  for (Index i = 0; i < count; ++i) {
    auto const* const from = patches.data() + i * g.pixels() * g.patch();
    auto* const to = images + i * g.image();
    each_run(g, [&](Index patch, Index pixel, Index n) {
      for (Index j = 0; j < n; ++j) to[pixel + j] += from[patch + j];
    });
  }
}

/// The sums of two rows per lane, added up in the order of the lanes.
template <class S>
auto total(scratch<S> const& work, std::vector<double> lane_scratch<S>::*sums, Index size) -> row_of<double> {
  auto sum = row_of<double>::Zero(size).eval();
  for (auto const& lane : work) sum += Eigen::Map<row_of<double> const>((lane.*sums).data(), size);
  return sum;
}

}  // namespace detail

/// images: count times the pixels of g, channels last. In training mode the running statistics move by a tenth.
template <class S>
void forward(block<S>& layer, geometry const& g, S const* images, Index count, block_tape<S>& tape, scratch<S>& work,
             mode how) {
  auto const rows = count * g.pixels(), width = g.outputs;
  tape.convolved.resize(rows, width);
  tape.activated.resize(rows, width);
  each_lane(count, [&](int lane, Index first, Index last) {
    auto& mine = work[static_cast<std::size_t>(lane)];
    auto sum = grown(mine.first, 1, width), squares = grown(mine.second, 1, width);
    sum.setZero(), squares.setZero();
    for (auto i = first; i < last; i += detail::images_at_once(g)) {
      auto const n = std::min(detail::images_at_once(g), last - i);
      auto const patches = grown(mine.patches, n * g.pixels(), g.patch());
      detail::unfold(g, images + i * g.image(), n, patches);
      auto out = tape.convolved.middleRows(i * g.pixels(), n * g.pixels());
      out.noalias() = patches * layer.weight;
      if (how == mode::evaluation) continue;
      sum += out.colwise().sum().template cast<double>();
      squares += out.cwiseProduct(out).colwise().sum().template cast<double>();
    }
  });
  if (how == mode::training) {
    auto const n = static_cast<double>(rows);
    auto const mean = (detail::total(work, &lane_scratch<S>::first, width) / n).eval();
    auto const square = (detail::total(work, &lane_scratch<S>::second, width) / n).eval();
    auto const variance = (square.array() - mean.array().square()).max(0).eval();
    tape.mean = mean.template cast<S>();
    tape.scale = (variance + detail::batch_norm_floor).rsqrt().template cast<S>();
    auto const unbiased = n / std::max(n - 1, 1.0);
    layer.mean += S(0.1) * (tape.mean - layer.mean);
    layer.variance.array() += S(0.1) * ((variance * unbiased).template cast<S>() - layer.variance.array());
  } else {
    tape.mean = layer.mean;
    tape.scale = (layer.variance.array() + S(detail::batch_norm_floor)).rsqrt();
  }
  auto const slope = tape.scale.cwiseProduct(layer.gamma).eval();
  auto const offset = (layer.beta - tape.mean.cwiseProduct(slope)).eval();
  each_lane(rows, [&](int, Index first, Index last) {
    for (auto r = first; r < last; ++r)
      tape.activated.row(r) = (tape.convolved.row(r).cwiseProduct(slope) + offset).cwiseMax(S{0});
  });
}

/// tape.gradient holds dL/d activated. Adds to the gradients of the layer; writes dL/d images where `into` is given.
template <class S>
void backward(block<S> const& layer, geometry const& g, S const* images, Index count, block_tape<S>& tape,
              scratch<S>& work, block<S>& gradient, S* into) {
  auto const rows = count * g.pixels(), width = g.outputs;
  each_lane(rows, [&](int lane, Index begin, Index end) {
    auto& mine = work[static_cast<std::size_t>(lane)];
    auto sum = grown(mine.first, 1, width), products = grown(mine.second, 1, width);
    sum.setZero(), products.setZero();
    for (auto r = begin; r < end; r += detail::rows_at_once) {
      auto const n = std::min(detail::rows_at_once, end - r);
      auto slope = tape.gradient.middleRows(r, n);
      slope = (tape.activated.middleRows(r, n).array() > S{0}).select(slope, S{0});
      sum += slope.colwise().sum().template cast<double>();
      products += slope.cwiseProduct(tape.convolved.middleRows(r, n)).colwise().sum().template cast<double>();
    }
  });
  auto const exact = detail::total(work, &lane_scratch<S>::first, width);
  auto const sum = exact.template cast<S>().eval();
  auto const products =
      (detail::total(work, &lane_scratch<S>::second, width) - exact.cwiseProduct(tape.mean.template cast<double>()))
          .cwiseProduct(tape.scale.template cast<double>())
          .template cast<S>()
          .eval();
  gradient.beta += sum;
  gradient.gamma += products;

  // dL/d convolved = slope * (d - (sum + x * products) / rows), where x is the normalised input: a line in each column
  auto const slope = layer.gamma.cwiseProduct(tape.scale).eval();
  auto const tilt = (slope.cwiseProduct(tape.scale).cwiseProduct(products) / S(rows)).eval();
  auto const shift = (slope.cwiseProduct(sum) / S(rows) - tilt.cwiseProduct(tape.mean)).eval();
  each_lane(count, [&](int lane, Index first, Index last) {
    auto& mine = work[static_cast<std::size_t>(lane)];
    auto weight = grown(mine.weight, g.patch(), width);
    weight.setZero();
    for (auto i = first; i < last; i += detail::images_at_once(g)) {
      auto const n = std::min(detail::images_at_once(g), last - i), height = n * g.pixels();
      auto pixels = grown(mine.pixels, height, width);
      for (Index r = 0; r < height; ++r) {
        auto const at = i * g.pixels() + r;
        pixels.row(r) = slope.cwiseProduct(tape.gradient.row(at)) - tilt.cwiseProduct(tape.convolved.row(at)) - shift;
      }
      auto patches = grown(mine.patches, height, g.patch());
      detail::unfold(g, images + i * g.image(), n, patches);
      weight.noalias() += patches.transpose() * pixels;
      if (into == nullptr) continue;
      patches.noalias() = pixels * layer.weight.transpose();
      detail::fold(g, patches, n, into + i * g.image());
    }
  });
  for (auto& mine : work) gradient.weight += grown(mine.weight, g.patch(), width);
}

}  // namespace support
