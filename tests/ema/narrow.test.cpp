// SPDX-License-Identifier: MIT
// bfloat16, half and a user's own 16-bit type: averaged in a float shadow, rounded back for use.
#include <Eigen/Core>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/dense.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using sp::cast_back;

namespace own {

/// Sixteen bits with eight of significand, as a user would write it: no operator, no numeric_limits.
struct brain {
  std::uint16_t bits = 0;
  brain() = default;
  explicit brain(float x) {
    auto const b = std::bit_cast<std::uint32_t>(x);
    bits = static_cast<std::uint16_t>((b + 0x7FFFU + ((b >> 16) & 1U)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};
/// The same without casts: the trait has them.
struct bare {
  std::uint16_t bits = 0;
  bare() = default;
  explicit bare(int) {}
};

}  // namespace own
// [narrow]
template <>
struct selfpred::narrow_float<own::bare> {
  static float widen(own::bare x) { return static_cast<float>(std::bit_cast<own::brain>(x)); }
  static own::bare round(float x) { return std::bit_cast<own::bare>(own::brain(x)); }
};
// [/narrow]

namespace {

template <class S>
std::vector<float> widened(sp::host_array<S> const& a) {
  std::vector<float> v;
  for (S const& x : a.values) v.push_back(sp::narrow_float<S>::widen(x));
  return v;
}
template <class S>
sp::host_array<S> array_of(std::vector<float> const& v) {
  sp::host_array<S> a;
  a.extent = sp::shape(1, static_cast<sp::index>(v.size()));
  for (float x : v) a.values.push_back(sp::narrow_float<S>::round(x));
  return a;
}
std::vector<float> ramp(int n, float from, float step) {
  std::vector<float> v;
  for (int i = 0; i < n; ++i) v.push_back(from + step * static_cast<float>(i));
  return v;
}

}  // namespace

TEMPLATE_TEST_CASE("narrow leaves move where a narrow average would stall", "[ema]", Eigen::bfloat16, Eigen::half,
                   own::brain, own::bare) {
  using S = TestType;
  auto online = array_of<S>(std::vector<float>(100, 1));
  double const tau = 0.9999;
  sp::ema_target target{online, sp::constant_momentum{tau}, sp::ema_options{.count_stalls = true}};
  online = array_of<S>(ramp(100, 1.25F, 0.01F));
  double left = 1;
  for (int k = 0; k < 1000; ++k) {
    auto const report = target.update(online);
    CHECK(report.stalled == 100);  // every element: 1e-4 of a difference below 1.3 is under half an ulp of 1
    left *= tau;
  }
  auto const held = widened(target.model()), to = widened(online);
  for (std::size_t i = 0; i < 100; ++i) {
    double const expected = to[i] + left * (1 - double(to[i]));
    CHECK_THAT(double(held[i]), WithinAbs(expected, 0.0045 * expected));  // half an ulp of bfloat16 is 2^-8 at most
    CHECK(held[i] > 1);
  }
}

TEMPLATE_TEST_CASE("narrow leaves: the model is the shadow, rounded to nearest", "[ema]", Eigen::bfloat16, Eigen::half,
                   own::brain, own::bare) {
  using S = TestType;
  auto online = array_of<S>(ramp(3000, -7, 0.0059F));
  sp::host_array<float> wide;
  wide.extent = online.extent, wide.values = widened(online);
  sp::ema_target target{online, sp::constant_momentum{0.7}};
  sp::ema_target reference{wide, sp::constant_momentum{0.7}};
  for (int k = 0; k < 20; ++k) {
    online = array_of<S>(ramp(3000, 0.37F * static_cast<float>(k), 0.01F));
    wide.values = widened(online);
    target.update(online), reference.update(wide);
  }
  int shadows = 0;
  target.for_each_shadow([&](std::string const& name, sp::strided<float> v) {
    CHECK(name.empty());
    CHECK(std::equal(reference.model().values.begin(), reference.model().values.end(), v.data));  // to the bit
    ++shadows;
  });
  CHECK(shadows == 1);
  CHECK(widened(target.model()) == widened(array_of<S>(reference.model().values)));
}

TEST_CASE("narrow leaves: any order and stride", "[ema]") {
  using half_matrix = Eigen::Matrix<Eigen::half, Eigen::Dynamic, Eigen::Dynamic>;
  half_matrix const first = Eigen::MatrixXf::Random(37, 11).cast<Eigen::half>();
  half_matrix const second = Eigen::MatrixXf::Random(37, 11).cast<Eigen::half>();
  sp::ema_target dense{first, sp::constant_momentum{0.99}};
  constexpr int updates = 50;  // rounding each to half would show
  for (int k = 0; k < updates; ++k) dense.update(second);
  std::vector<Eigen::half> a(37 * 24), b(37 * 24);
  using any = Eigen::Map<half_matrix, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
  any x(a.data(), 37, 11, {80, 2}), y(b.data(), 37, 11, {2, 24});  // column-major with gaps, row-major with gaps
  x = first;
  sp::ema_target sparse{x, y, sp::constant_momentum{0.99}, sp::ema_options{.count_stalls = true}};
  x = second;
  for (int k = 0; k < updates; ++k) sparse.update(x);
  CHECK(sparse.model() == dense.model());
  CHECK(y == dense.model());
}

TEST_CASE("narrow leaves: a buffer that is copied has no shadow, an average has", "[ema]") {
  std::vector<sp::host_array<own::brain>> online(3, array_of<own::brain>({1, 2}));
  sp::ema_target target{online, sp::constant_momentum{0.5},
                        sp::ema_options{.leaves = sp::leaf_policies().name("1", sp::leaf_policy::copy)}};
  int shadows = 0;
  target.for_each_shadow([&](std::string const& name, auto const&) { shadows += name != "1"; });
  CHECK(shadows == 2);
  for (auto& a : online) a = array_of<own::brain>({5, 6});
  target.update(online);
  CHECK(widened(target.model()[0]) == std::vector<float>{3, 4});
  CHECK(widened(target.model()[1]) == std::vector<float>{5, 6});
}

TEST_CASE("cast_back::on_request: model() waits for refresh()", "[ema]") {
  auto online = array_of<own::brain>({1, 2, 3});
  sp::ema_target target{online, sp::constant_momentum{0.5}, sp::ema_options{.narrow = cast_back::on_request}};
  CHECK(widened(target.model()) == std::vector<float>{1, 2, 3});
  online = array_of<own::brain>({3, 2, 1});
  target.update(online), target.update(online);
  CHECK(thrown<sp::state_error>([&] { target.model(); }) ==
        "ema_target.model: its narrow tensors are older than their float shadows, expected refresh() first");
  CHECK_THROWS_AS((void)target.swap_with(online), sp::state_error);
  target.refresh();
  CHECK(widened(target.model()) == std::vector<float>{2.5F, 2, 1.5F});
}

TEST_CASE("cast_back::stochastic: the mean is right, the same for any number of threads", "[ema]") {
  // 1 + 2^-10 lies an eighth of the way from 1 to the next bfloat16, 1 + 2^-7.
  long const n = size(200'000) | 1;
  auto online = array_of<own::brain>(std::vector<float>(static_cast<std::size_t>(n), 1));
  sp::executor const split{3, [](int parts, sp::part_task task) {
                             for (int i = parts - 1; i >= 0; --i) task(i);
                           }};
  sp::ema_target target{online, sp::constant_momentum{0.875}, sp::ema_options{.narrow = cast_back::stochastic}};
  sp::ema_target in_parts{online, sp::constant_momentum{0.875},
                          sp::ema_options{.narrow = cast_back::stochastic, .threads = split}};
  online = array_of<own::brain>(std::vector<float>(static_cast<std::size_t>(n), 1.0078125F));
  target.update(online), in_parts.update(online);
  double up = 0;
  for (float x : widened(target.model())) {
    CHECK((x == 1 || x == 1.0078125F));
    up += x > 1;
  }
  double const sigma = std::sqrt(double(n) * 0.125 * 0.875);
  CHECK(std::abs(up - 0.125 * double(n)) < 4 * sigma);
  CHECK(widened(in_parts.model()) == widened(target.model()));
  target.update(online), in_parts.update(online);
  CHECK(widened(in_parts.model()) == widened(target.model()));
}

TEMPLATE_TEST_CASE("round_stochastic: what is representable stays, else one of two neighbours", "[ema]",
                   Eigen::bfloat16, Eigen::half, own::brain) {
  using S = TestType;
  using narrow = sp::narrow_float<S>;
  for (unsigned b = 0; b < 0x10000; ++b) {
    S const x = std::bit_cast<S>(static_cast<std::uint16_t>(b));
    float const wide = narrow::widen(x);
    if (sp::detail::non_finite(wide)) continue;
    CHECK(narrow::widen(sp::detail::round_stochastic<S>(wide, 0)) == wide);
    S const next = std::bit_cast<S>(static_cast<std::uint16_t>(b + 1));
    float const far = narrow::widen(next);
    if ((b & 0x7FFF) == 0x7FFF || sp::detail::non_finite(far)) continue;
    float const between = wide + 0.25F * (far - wide);
    if (between == wide || between == far) continue;  // float's own denormals
    CHECK(narrow::widen(sp::detail::round_stochastic<S>(between, 0.24F)) == far);
    CHECK(narrow::widen(sp::detail::round_stochastic<S>(between, 0.26F)) == wide);
    float const most = wide + 0.75F * (far - wide);  // rounds to the other neighbour first
    CHECK(narrow::widen(sp::detail::round_stochastic<S>(most, 0.24F)) == wide);
    CHECK(narrow::widen(sp::detail::round_stochastic<S>(most, 0.26F)) == far);
  }
  CHECK(sp::detail::non_finite(narrow::widen(sp::detail::round_stochastic<S>(INFINITY, 0.5F))));
}

TEST_CASE("narrow leaves: resume from model and shadows is exact", "[ema]") {
  auto const online = [](int k) { return array_of<Eigen::bfloat16>(ramp(50, static_cast<float>(k % 7), 0.1F)); };
  sp::ema_target whole{online(0), sp::constant_momentum{0.99}};
  for (int k = 0; k < 10; ++k) whole.update(online(k));
  sp::ema_target resumed{whole.model(), sp::constant_momentum{0.99}};
  std::vector<float> saved;
  whole.for_each_shadow([&](auto const&, sp::strided<float> v) { saved.assign(v.data, v.data + v.shape().size()); });
  resumed.for_each_shadow([&](auto const&, sp::strided<float> v) { std::copy(saved.begin(), saved.end(), v.data); });
  resumed.step(whole.step());
  for (int k = 10; k < 30; ++k) whole.update(online(k)), resumed.update(online(k));
  CHECK(widened(resumed.model()) == widened(whole.model()));
  resumed.for_each_shadow([&](auto const&, sp::strided<float> v) {
    whole.for_each_shadow([&](auto const&, sp::strided<float> w) { CHECK(std::equal(v.data, v.data + 50, w.data)); });
  });
}

TEST_CASE("narrow leaves: guard, swap, and no allocation", "[ema]") {
  auto online = array_of<Eigen::bfloat16>({1, 2, 3});
  sp::ema_target target{online, sp::constant_momentum{0.5},
                        sp::ema_options{.non_finite = sp::non_finite_policy::refuse}};
  online = array_of<Eigen::bfloat16>({3, INFINITY, 5});
  CHECK(target.update(online).non_finite == 1);
  CHECK(widened(target.model()) == std::vector<float>{1, 2, 3});
  online = array_of<Eigen::bfloat16>({3, 4, 5});
  allocation_counter scope;
  for (int k = 0; k < 3; ++k) target.update(online);
  long const n = scope.count();
  CHECK(n == 0);
  auto const guard = target.swap_with(online);
  CHECK(widened(online) == std::vector<float>{2.75F, 3.75F, 4.75F});
}
