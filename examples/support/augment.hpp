// SPDX-License-Identifier: MIT
#pragma once

#include "lanes.hpp"
#include "random.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace support {

/// What may happen to an image on its way to becoming a view.
struct augmentation {
  double smallest_area = 0.4;  // of the crop, which is scaled back to the full size
  double stretch = 4.0 / 3;    // largest ratio of the crop's width to its height
  double flip = 0.5;           // probability of a mirror image
  double contrast = 0.4;       // values are multiplied by 1 - contrast to 1 + contrast
  double brightness = 0.2;     // and shifted by as much up or down
  double erase = 0.5;          // probability of a blank rectangle
};

namespace detail {

/// Where to read one output column (or row): two neighbours and the weight of the second.
struct tap {
  Index low, high;
  float weight;
};

inline auto make_tap(double position, Index side) -> tap {
  auto const at = std::clamp(position, 0.0, static_cast<double>(side - 1));
  auto const low = static_cast<Index>(at);
  return {low, std::min(low + 1, side - 1), static_cast<float>(at - static_cast<double>(low))};
}

inline void augment_image(float const* from, Index side, augmentation const& how, random draw, float* to) {
  auto const n = static_cast<double>(side);
  auto const area = draw.uniform(how.smallest_area, 1.0);
  auto const ratio = std::exp(draw.uniform(-1, 1) * std::log(how.stretch) / 2);
  auto const width = std::min(n, n * std::sqrt(area) * ratio), height = std::min(n, n * std::sqrt(area) / ratio);
  auto const left = draw.uniform(0, n - width), top = draw.uniform(0, n - height);
  auto const flipped = draw.chance(how.flip);
  auto const scale = static_cast<float>(draw.uniform(1 - how.contrast, 1 + how.contrast));
  auto const shift = static_cast<float>(draw.uniform(-how.brightness, how.brightness));

  thread_local auto columns = std::vector<tap>{};
  columns.clear();
  for (Index x = 0; x < side; ++x)
    columns.push_back(make_tap(left + (static_cast<double>(flipped ? side - 1 - x : x) + 0.5) * width / n - 0.5, side));
  for (Index y = 0; y < side; ++y) {
    auto const line = make_tap(top + (static_cast<double>(y) + 0.5) * height / n - 0.5, side);
    auto const *const above = from + line.low * side, *const below = from + line.high * side;
    for (Index x = 0; x < side; ++x) {
      auto const [low, high, weight] = columns[static_cast<std::size_t>(x)];
      auto const upper = above[low] + weight * (above[high] - above[low]);
      auto const lower = below[low] + weight * (below[high] - below[low]);
      to[y * side + x] = scale * (upper + line.weight * (lower - upper)) + shift;
    }
  }
  if (!draw.chance(how.erase)) return;
  auto const hole_width = static_cast<Index>(n * draw.uniform(0.2, 0.5));
  auto const hole_height = static_cast<Index>(n * draw.uniform(0.2, 0.5));
  auto const x = static_cast<Index>(draw.below(static_cast<std::uint64_t>(side - hole_width)));
  auto const y = static_cast<Index>(draw.below(static_cast<std::uint64_t>(side - hole_height)));
  for (auto r = y; r < y + hole_height; ++r) std::fill_n(to + r * side + x, hole_width, 0.0F);
}

}  // namespace detail

/// One view of the chosen images. Every image has its own generator, made from the keys and its number.
inline void augment(matrix const& images, std::span<Index const> chosen, Index side, augmentation const& how,
                    random keys, matrix& view) {
  view.resize(static_cast<Index>(chosen.size()), images.cols());
  auto const base = keys.bits();
  each_lane(view.rows(), [&](int, Index first, Index last) {
    for (auto i = first; i < last; ++i) {
      auto const image = chosen[static_cast<std::size_t>(i)];
      detail::augment_image(images.row(image).data(), side, how, {base, static_cast<std::uint64_t>(image)},
                            view.row(i).data());
    }
  });
}

}  // namespace support
