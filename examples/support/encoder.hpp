// SPDX-License-Identifier: MIT
#pragma once

#include "block.hpp"

#include <cmath>
#include <tuple>
#include <utility>

namespace support {

/// Three strided 3x3 convolutions, the global average (the representation), and a projector of two layers (the
/// latents). It is nothing but its tensors, so the same type holds gradients and velocities.
template <class S>
struct encoder {
  static constexpr Index representation_size = 128, hidden_size = 256, latent_size = 128;

  encoder(Index image_side, random draw)
      : side{image_side}, first{shape(0), draw}, second{shape(1), draw}, third{shape(2), draw}, hidden{shape(3), draw},
        projection(hidden_size, latent_size), bias(row_of<S>::Zero(latent_size)) {
    auto const scale = 1 / std::sqrt(static_cast<double>(hidden_size));
    for (auto& w : projection.reshaped()) w = static_cast<S>(scale * draw.normal());
  }

  auto shape(int layer) const -> geometry {
    auto const half = [](Index n) { return (n + 1) / 2; };
    switch (layer) {
      case 0:
        return {side, 1, 3, 2, 32};
      case 1:
        return {half(side), 32, 3, 2, 64};
      case 2:
        return {half(half(side)), 64, 3, 2, representation_size};
      default:
        return {1, representation_size, 1, 1, hidden_size};
    }
  }

  Index side;
  block<S> first, second, third, hidden;
  matrix_of<S> projection;
  row_of<S> bias;
};

/// What a target network averages, and what an optimiser changes.
template <class S>
auto parameters(encoder<S>& e) {
  return std::tie(e.first.weight, e.first.gamma, e.first.beta, e.second.weight, e.second.gamma, e.second.beta,
                  e.third.weight, e.third.gamma, e.third.beta, e.hidden.weight, e.hidden.gamma, e.hidden.beta,
                  e.projection, e.bias);
}

/// The running statistics of batch normalisation.
template <class S>
auto buffers(encoder<S>& e) {
  return std::tie(e.first.mean, e.first.variance, e.second.mean, e.second.variance, e.third.mean, e.third.variance,
                  e.hidden.mean, e.hidden.variance);
}

template <class S>
struct encoder_tape {
  block_tape<S> first, second, third, hidden;
  matrix_of<S> representation, representation_gradient, latents;
};

/// Rows of images are samples. The result lives in the tape until the next pass.
template <class S>
auto forward(encoder<S>& e, matrix_of<S> const& images, encoder_tape<S>& tape, scratch<S>& work,
             mode how = mode::training) -> matrix_of<S> const& {
  auto const count = images.rows();
  forward(e.first, e.shape(0), images.data(), count, tape.first, work, how);
  forward(e.second, e.shape(1), tape.first.activated.data(), count, tape.second, work, how);
  forward(e.third, e.shape(2), tape.second.activated.data(), count, tape.third, work, how);
  auto const pixels = e.shape(2).pixels();
  tape.representation.resize(count, encoder<S>::representation_size);
  each_lane(count, [&](int, Index first, Index last) {
    for (auto i = first; i < last; ++i)
      tape.representation.row(i) = tape.third.activated.middleRows(i * pixels, pixels).colwise().sum() / S(pixels);
  });
  forward(e.hidden, e.shape(3), tape.representation.data(), count, tape.hidden, work, how);
  tape.latents.resize(count, encoder<S>::latent_size);
  tape.latents.noalias() = tape.hidden.activated * e.projection;
  tape.latents.rowwise() += e.bias;
  return tape.latents;
}

/// Adds dL/d parameters to `gradient`, given dL/d latents and the tape of a forward pass on the same images.
template <class S>
void backward(encoder<S> const& e, matrix_of<S> const& images, matrix_of<S> const& latents, encoder_tape<S>& tape,
              scratch<S>& work, encoder<S>& gradient) {
  auto const count = images.rows(), pixels = e.shape(2).pixels();
  for (auto* t : {&tape.first, &tape.second, &tape.third, &tape.hidden})
    t->gradient.resize(t->activated.rows(), t->activated.cols());
  tape.representation_gradient.resize(count, encoder<S>::representation_size);

  gradient.projection.noalias() += tape.hidden.activated.transpose() * latents;
  gradient.bias += latents.colwise().sum();
  tape.hidden.gradient.noalias() = latents * e.projection.transpose();
  backward(e.hidden, e.shape(3), tape.representation.data(), count, tape.hidden, work, gradient.hidden,
           tape.representation_gradient.data());
  for (Index i = 0; i < count; ++i)
    tape.third.gradient.middleRows(i * pixels, pixels).rowwise() = tape.representation_gradient.row(i) / S(pixels);
  backward(e.third, e.shape(2), tape.second.activated.data(), count, tape.third, work, gradient.third,
           tape.second.gradient.data());
  backward(e.second, e.shape(1), tape.first.activated.data(), count, tape.second, work, gradient.second,
           tape.first.gradient.data());
  backward(e.first, e.shape(0), images.data(), count, tape.first, work, gradient.first, static_cast<S*>(nullptr));
}

}  // namespace support
