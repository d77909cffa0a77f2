// SPDX-License-Identifier: MIT
#pragma once

#include "encoder.hpp"
#include "images.hpp"
#include "probe.hpp"

#include <algorithm>

namespace support {

struct features {
  matrix representation, latents;
};

/// The last feature map averaged over its quadrants (over all of it where it is a single pixel): the usual input of a
/// linear probe on a network this small. The projector sees the global average.
inline auto quadrants(matrix const& map, Index images, Index side) -> matrix {
  auto const parts = std::min<Index>(side, 2), channels = map.cols();
  auto result = matrix{matrix::Zero(images, parts * parts * channels)};
  for (Index i = 0; i < images; ++i)
    for (Index y = 0; y < side; ++y)
      for (Index x = 0; x < side; ++x)
        result.row(i).segment((y * parts / side * parts + x * parts / side) * channels, channels) +=
            map.row((i * side + y) * side + x);
  return result * (static_cast<float>(parts * parts) / static_cast<float>(side * side));
}

/// Both outputs of the frozen encoder, with the running statistics of its normalisation.
inline auto encode(encoder<float>& model, matrix const& images) -> features {
  auto const side = model.shape(2).out_side(), parts = std::min<Index>(side, 2);
  auto result = features{matrix(images.rows(), parts * parts * encoder<float>::representation_size),
                         matrix(images.rows(), encoder<float>::latent_size)};
  auto tape = encoder_tape<float>{};
  auto work = scratch<float>{};
  auto piece = matrix{};
  for (Index first = 0; first < images.rows(); first += 250) {
    auto const n = std::min<Index>(250, images.rows() - first);
    piece = images.middleRows(first, n);
    result.latents.middleRows(first, n) = forward(model, piece, tape, work, mode::evaluation);
    result.representation.middleRows(first, n) = quadrants(tape.third.activated, n, side);
  }
  return result;
}

struct scores {
  double probe = 0, neighbours = 0;
};

/// What a linear classifier and the nearest neighbours make of standardised features. Each row of the table, the raw
/// pixels included, gets the ridge that suits it best on the held-out training images, so none is at a disadvantage.
inline auto judge(matrix train, image_set const& training, matrix held_out, image_set const& held, matrix other,
                  image_set const& evaluated, int classes) -> scores {
  standardise(train, held_out, other);
  auto result = scores{};
  auto best = -1.0;
  for (auto const ridge : {1e-4, 1e-3, 1e-2, 1e-1}) {
    auto const w = fit_probe(train, training.labels, classes, ridge);
    auto const accuracy = probe_accuracy(w, held_out, held.labels);
    if (accuracy <= best) continue;
    best = accuracy;
    result.probe = probe_accuracy(w, other, evaluated.labels);
  }
  result.neighbours = nearest_neighbours(train, training.labels, other, evaluated.labels, classes);
  return result;
}

}  // namespace support
