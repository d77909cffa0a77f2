// SPDX-License-Identifier: MIT

#include "support/catch.hpp"

#include "support/encoder.hpp"

#include <cmath>
#include <tuple>

namespace {

using namespace support;
using wide = matrix_of<double>;

auto random_images(Index count, Index side, support::random draw) -> wide {
  return wide::NullaryExpr(count, side * side, [&draw](Index, Index) { return draw.normal(); });
}

}  // namespace

TEST_CASE("the backward pass of the encoder agrees with central differences in double") {
  for (auto const side : {Index{8}, Index{28}}) {
    auto const count = Index{6};
    auto const images = random_images(count, side, {1});
    auto draw = support::random{2};
    auto const weights = wide::NullaryExpr(count, 128, [&draw](Index, Index) { return draw.normal(); }).eval();
    auto model = encoder<double>{side, {3}};
    for (auto* layer : {&model.first, &model.second, &model.third, &model.hidden})
      for (Index c = 0; c < layer->gamma.size(); ++c)
        layer->gamma(c) = draw.uniform(0.5, 1.5), layer->beta(c) = draw.uniform(-0.5, 0.5);
    auto tape = encoder_tape<double>{};
    auto work = scratch<double>{};
    auto const loss = [&] { return forward(model, images, tape, work).cwiseProduct(weights).sum(); };

    loss();
    auto gradient = model;
    std::apply([](auto&... g) { (g.setZero(), ...); }, parameters(gradient));
    backward(model, images, weights, tape, work, gradient);

    // the derivative along a random direction of one tensor at a time
    auto const check = [&](auto& tensor, auto const& slope) {
      using tensor_type = std::remove_reference_t<decltype(tensor)>;
      auto const direction = tensor_type::NullaryExpr(tensor.rows(), tensor.cols(), [&draw](Index, Index) {
                               return draw.normal();
                             }).eval();
      auto const step = 1e-7;
      auto const kept = tensor;
      tensor = kept + step * direction;
      auto const above = loss();
      tensor = kept - step * direction;
      auto const below = loss();
      tensor = kept;
      auto const expected = (above - below) / (2 * step);
      CHECK_THAT(slope.cwiseProduct(direction).sum(),
                 Catch::Matchers::WithinAbs(expected, 1e-4 * (1 + std::abs(expected))));
    };
    std::apply(
        [&](auto&... tensor) {
          std::apply([&](auto&... slope) { (check(tensor, slope), ...); }, parameters(gradient));
        },
        parameters(model));
  }
}

TEST_CASE("a forward pass in evaluation mode uses the running statistics and keeps them") {
  auto model = encoder<double>{8, {4}};
  auto tape = encoder_tape<double>{};
  auto work = scratch<double>{};
  auto const images = random_images(20, 8, {5});
  for (int i = 0; i < 300; ++i) forward(model, images, tape, work);
  auto const trained = wide{tape.latents};
  auto const mean = model.second.mean;
  auto const latents = forward(model, images, tape, work, mode::evaluation);
  CHECK(model.second.mean == mean);
  CHECK((latents - trained).norm() < 0.2 * trained.norm());  // not equal: the running variance is the unbiased one
  auto const alone = forward(model, wide{images.topRows(1)}, tape, work, mode::evaluation);
  CHECK((alone - latents.topRows(1)).norm() < 1e-12 * alone.norm());
}
