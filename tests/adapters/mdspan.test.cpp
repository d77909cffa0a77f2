// SPDX-License-Identifier: MIT
// A small mdspan of our own always; std's and CUDA's where the compiler finds them.
#include <deque>
#include <selfpred/adapters/mdspan.hpp>
#include <selfpred/host/eigh.hpp>
#include <selfpred/testing/conformance.hpp>
#include <version>

#include "support/dense.hpp"
#include "support/small_mdspan.hpp"
#include "tenants/same_as_eigen.hpp"

#if defined(__cpp_lib_mdspan)
#include <mdspan>
namespace md = std;
#define SELFPRED_TEST_MDSPAN "std::mdspan"
#elif __has_include(<cuda/std/mdspan>)
#include <cuda/std/mdspan>
namespace md = cuda::std;
#define SELFPRED_TEST_MDSPAN "cuda::std::mdspan"
#endif

namespace sp = selfpred;
using namespace selfpred_tests;

namespace {

using plain = small::mdspan<float, 2>;
using handle = small::mdspan<double const, 2, true>;
using cube = small::mdspan<float, 3>;

static_assert(sp::matrix_with_solve<plain> && sp::matrix<handle> && sp::tensor<cube> && !sp::matrix<cube>);
static_assert(sp::writable<plain> && sp::writable<plain const> && !sp::writable<handle>,
              "an mdspan is shallowly const");
static_assert(std::same_as<sp::owner_t<plain>, sp::host_array<float>>);
static_assert(sp::compatible<plain, Eigen::MatrixXf> && !sp::compatible<plain, handle>);

// What is like an mdspan and is none.
struct without_strides {
  static constexpr std::size_t rank() { return 2; }
  std::size_t extent(std::size_t) const { return 1; }
  float* data() const { return nullptr; }
};
struct rank_at_run_time : without_strides {
  std::size_t rank() const { return 2; }
  std::size_t stride(std::size_t) const { return 1; }
};
struct computing : plain {  // an accessor that scales gives values, not elements
  struct accessor_type {
    using element_type = float;
    using reference = float;
  };
  using plain::plain;
};
struct unstrided : plain {
  struct mapping_type {
    static constexpr bool is_always_strided() { return false; }
  };
  using plain::plain;
};
static_assert(!sp::tensor<without_strides> && !sp::tensor<rank_at_run_time> && !sp::tensor<computing> &&
              !sp::tensor<unstrided>);

template <class S>
struct kept {
  std::deque<std::vector<S>> memory;
  // Every second element of every row of a wider matrix, last row first, NaN in between.
  template <class M>
  auto with_gaps(std::vector<double> const& v, sp::index rows, sp::index cols) {
    auto& m = memory.emplace_back(static_cast<std::size_t>(4 * rows * cols + 1), std::numeric_limits<S>::quiet_NaN());
    int const r = static_cast<int>(rows), c = static_cast<int>(cols);
    S* const first = m.data() + std::max(r - 1, 0) * 4 * c;
    for (int i = 0; i < r; ++i)
      for (int j = 0; j < c; ++j) first[-4 * c * i + 2 * j] = static_cast<S>(v[static_cast<std::size_t>(i * c + j)]);
    return M(first, {r, c}, {-4 * c, 2});
  }
  template <class M>
  auto by_columns(std::vector<double> const& v, sp::index rows, sp::index cols) {
    auto& m = memory.emplace_back(v.size());
    int const r = static_cast<int>(rows), c = static_cast<int>(cols);
    for (int i = 0; i < r; ++i)
      for (int j = 0; j < c; ++j)
        m[static_cast<std::size_t>(j * r + i)] = static_cast<S>(v[static_cast<std::size_t>(i * c + j)]);
    return M(m.data(), {r, c}, {1, r});
  }
  S* copy(std::vector<double> const& v) { return memory.emplace_back(v.begin(), v.end()).data(); }
};

std::size_t rungs(auto const& like) {
  auto const report = sp::testing::conformance(like);
  INFO(report.text());
  CHECK(report.passed());
  return report.capabilities.size();
}

}  // namespace

TEST_CASE("mdspan: every law") {
  std::vector<float> f(24, 0.5F);
  std::vector<double> const d(24, 0.5);
  CHECK(rungs(plain(f.data(), {4, 6}, {6, 1})) == 5);
  CHECK(rungs(plain(f.data() + 18, {4, 3}, {-6, 2})) == 5);
  CHECK(rungs(handle(d.data(), {4, 6}, {1, 4})) == 5);
  CHECK(rungs(cube(f.data(), {2, 3, 4}, {12, 4, 1})) == 1);
}

TEST_CASE("mdspan: every predictor gives Eigen's numbers") {
  kept<float> f;
  kept<double> d;
  tenants::every_rule_same_as_eigen<plain>([&](auto const&... a) { return f.with_gaps<plain>(a...); }, 1e-5);
  tenants::form_same_as_eigen<plain>([&](auto const&... a) { return f.by_columns<plain>(a...); }, 1e-5);
  tenants::form_same_as_eigen<handle>([&](auto const&... a) { return d.with_gaps<handle>(a...); });
  tenants::every_rule_same_as_eigen<handle>([&](auto const&... a) { return d.by_columns<handle>(a...); });
}

TEST_CASE("mdspan: bad inputs are refused") {
  kept<float> f;
  kept<double> d;
  tenants::refuses_bad_inputs<plain>([&](auto const&... a) { return f.with_gaps<plain>(a...); });
  tenants::refuses_bad_inputs<handle>([&](auto const&... a) { return d.by_columns<handle>(a...); });
}

TEST_CASE("mdspan: results are written in place, and copies are handles") {
  std::vector<float> v(6, 1), w{1, 2, 3, 4, 5, 6};
  plain const x(v.data(), {2, 3}, {3, 1}), y(w.data(), {2, 3}, {1, 2});
  sp::axpby(1.0, y, 1.0, x);
  CHECK(v == std::vector<float>{2, 4, 6, 3, 5, 7});
  CHECK_THROWS_AS((sp::ema_target{x, sp::constant_momentum{0.5}}), sp::alias_error);
  sp::ema_target target{y, x, sp::constant_momentum{0.5}};
  CHECK(v == std::vector<float>{1, 3, 5, 2, 4, 6});
  w.assign(6, 5);
  target.update(y);
  CHECK(v == std::vector<float>{3, 4, 5, 3.5F, 4.5F, 5.5F});
}

#ifdef SELFPRED_TEST_MDSPAN
namespace {

template <class S, class Layout = md::layout_right>
using span2 = md::mdspan<S, md::dextents<int, 2>, Layout>;
static_assert(sp::matrix_with_solve<span2<float>> && sp::matrix<span2<float const, md::layout_stride>>);
static_assert(sp::matrix<md::mdspan<double, md::extents<int, 3, 4>>>);
static_assert(sp::tensor<md::mdspan<double, md::extents<int, 2, 3, 4>>> &&
              !sp::matrix<md::mdspan<double, md::extents<int, 2, 3, 4>>>);
static_assert(sp::tensor<md::mdspan<double, md::extents<int>>>, "a single number");
static_assert(sp::writable<span2<float> const> && !sp::writable<span2<float const>>);

}  // namespace

TEST_CASE("mdspan: " SELFPRED_TEST_MDSPAN " obeys every law, and every predictor gives Eigen's numbers") {
  std::vector<float> f(24, 0.5F);
  std::vector<double> d(24, 0.5);
  CHECK(rungs(span2<float>(f.data(), 4, 6)) == 5);
  CHECK(rungs(span2<double const, md::layout_left>(d.data(), 4, 6)) == 5);
  CHECK(rungs(md::mdspan<double, md::extents<int, 4, 6>>(d.data())) == 5);
  CHECK(rungs(md::mdspan<float, md::dextents<int, 3>>(f.data(), 2, 3, 4)) == 1);

  kept<float> kf;
  kept<double> kd;
  auto const ints = [](sp::index n) { return static_cast<int>(n); };
  tenants::form_same_as_eigen<span2<float>>(
      [&](auto const& v, sp::index r, sp::index c) { return span2<float>(kf.copy(v), ints(r), ints(c)); }, 1e-5);
  tenants::form_same_as_eigen<span2<double const>>(
      [&](auto const& v, sp::index r, sp::index c) { return span2<double const>(kd.copy(v), ints(r), ints(c)); });
  using strided = span2<double, md::layout_stride>;
  tenants::every_rule_same_as_eigen<strided>([&](auto const& v, sp::index r, sp::index c) {  // columns, one row apart
    auto& m = kd.memory.emplace_back(static_cast<std::size_t>((r + 1) * c), std::numeric_limits<double>::quiet_NaN());
    strided const x(m.data(), typename strided::mapping_type(md::dextents<int, 2>(ints(r), ints(c)),
                                                             md::array<int, 2>{1, ints(r) + 1}));
    sp::copy_in(v, x);
    return x;
  });
}
#endif
