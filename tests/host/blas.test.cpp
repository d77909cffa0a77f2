// SPDX-License-Identifier: MIT
// Products by BLAS against sums in long double: sizes, strides, what is not read and what is not written. With `Most` a
// few, every path of a product larger than an int is walked.
#include <sys/mman.h>

#include <selfpred/host/blas.hpp>

#include "support/allocations.hpp"
#include "support/dense.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;

static_assert(std::is_base_of_v<sp::detail::blas_products<float>, sp::detail::host_products<float>>);
static_assert(std::is_base_of_v<sp::detail::blas_products<double>, sp::detail::host_products<double>>);

namespace {

constexpr double guard = -77;

// Strides of m x n elements: dense and padded, either order, backwards, with gaps both ways; read only:
// one row, one element, one element for a diagonal.
enum class layout { columns, rows, padded_columns, padded_rows, upwards, leftwards, gaps, one_row, one_value, hankel };
constexpr layout all_layouts[] = {layout::columns,   layout::rows,      layout::padded_columns, layout::padded_rows,
                                  layout::upwards,   layout::leftwards, layout::gaps,           layout::one_row,
                                  layout::one_value, layout::hankel};
constexpr layout writable_layouts[] = {layout::columns,     layout::rows,    layout::padded_columns,
                                       layout::padded_rows, layout::upwards, layout::leftwards,
                                       layout::gaps};

template <class S>
struct placed {
  std::vector<S> memory;
  sp::matrix_view<S> view;

  placed(sp::index m, sp::index n, layout how)
      : memory(static_cast<std::size_t>(2 * (m + 3) * 3 * (n + 3)), static_cast<S>(guard)) {
    S* const p = memory.data();
    switch (how) {
      case layout::columns:
        view = sp::view_matrix(p, m, n, 1, m);
        break;
      case layout::rows:
        view = sp::view_matrix(p, m, n, n, 1);
        break;
      case layout::padded_columns:
        view = sp::view_matrix(p, m, n, 1, m + 3);
        break;
      case layout::padded_rows:
        view = sp::view_matrix(p, m, n, n + 3, 1);
        break;
      case layout::upwards:
        view = sp::view_matrix(p + std::max<sp::index>(m - 1, 0), m, n, -1, m);
        break;
      case layout::leftwards:
        view = sp::view_matrix(p + m * std::max<sp::index>(n - 1, 0), m, n, 1, -m);
        break;
      case layout::gaps:
        view = sp::view_matrix(p, m, n, 2, 2 * m + 3);
        break;
      case layout::one_row:
        view = sp::view_matrix(p, m, n, 0, 1);
        break;
      case layout::one_value:
        view = sp::view_matrix(p, m, n, 0, 0);
        break;
      case layout::hankel:
        view = sp::view_matrix(p, m, n, 1, 1);
        break;
    }
  }
  void fill(dense const& d) { sp::copy_in(d.v, view); }
  void fill(double v) {
    for (sp::index i = 0; i < view.rows(); ++i)
      for (sp::index j = 0; j < view.cols(); ++j) view(i, j) = static_cast<S>(v);
  }
  /// Whether all that is no element of the view is as it was.
  bool kept_its_gaps() {
    auto const all = read(view);
    fill(guard);
    bool const kept = std::all_of(memory.begin(), memory.end(), [](S v) { return v == static_cast<S>(guard); });
    sp::copy_in(all.v, view);
    return kept;
  }
};

// The largest |z - (a x y + b z0)| over what rounding allows, (k + 3) u (|a| |x| |y| + |b| |z0|).
template <class S>
double error(double a, sp::matrix_view<S const> x, sp::matrix_view<S const> y, double b, dense const& before,
             dense const& got) {
  double const u = static_cast<double>(std::numeric_limits<S>::epsilon()) * static_cast<double>(x.cols() + 3);
  double worst = 0;
  for (sp::index i = 0; i < got.rows; ++i)
    for (sp::index j = 0; j < got.cols; ++j) {
      long double sum = 0, size = 0;
      for (sp::index k = 0; k < x.cols(); ++k) {
        long double const term = static_cast<long double>(a) * x(i, k) * y(k, j);
        sum += term, size += std::abs(term);
      }
      if (b != 0) sum += static_cast<long double>(b) * before(i, j), size += std::abs(b * before(i, j));
      auto const off = static_cast<double>(std::abs(sum - got(i, j)));
      worst = std::fmax(worst, std::isnan(off) ? INFINITY : off == 0 ? 0 : off / (u * static_cast<double>(size)));
    }
  return worst;
}

// x m x k, y k x n. With b = 0 a NaN stands in z; a = 0 must not read x.
template <class S, sp::index Most>
void try_product(sp::index m, sp::index n, sp::index k, layout lx, layout ly, layout lz) {
  CAPTURE(Most, m, n, k, int(lx), int(ly), int(lz));
  placed<S> x(m, k, lx), y(k, n, ly), z(m, n, lz);
  x.fill(uniform(m, k, 1)), y.fill(uniform(k, n, 2));
  dense const before = uniform(m, n, 3);
  double worst = 0;
  for (auto const& [a, b] : {std::pair{1.0, 0.0}, {-0.5, 0.0}, {0.0, 0.0}, {1.0, 1.0}, {2.0, -0.5}, {0.0, 2.0}}) {
    b == 0 ? z.fill(NAN) : z.fill(before);
    sp::detail::blas_products<S, Most>::gemm(static_cast<S>(a), x.view, y.view, static_cast<S>(b), z.view);
    worst = std::fmax(worst, error<S>(a, x.view, y.view, b, before, read(z.view)));
  }
  if (worst > 1 || !z.kept_its_gaps()) {
    CHECK(worst <= 1);
    CHECK(z.kept_its_gaps());
  }
}

constexpr sp::index of_int = std::numeric_limits<int>::max();

}  // namespace

TEMPLATE_TEST_CASE("blas: every pair of strides, and every way of writing", "[host][blas]", float, double) {
  for (auto lx : all_layouts)
    for (auto ly : all_layouts)
      for (auto lz : writable_layouts) try_product<TestType, of_int>(5, 7, 4, lx, ly, lz);
  SUCCEED("a mismatch is a failed check of its own");
}

TEMPLATE_TEST_CASE("blas: sizes from nothing to beyond a block", "[host][blas]", float, double) {
  for (sp::index m : {0, 1, 2, 9, 33})
    for (sp::index n : {0, 1, 3, 17})
      for (sp::index k : {0, 1, 2, 31})
        for (auto how : writable_layouts) try_product<TestType, of_int>(m, n, k, how, layout::padded_rows, how);
  sp::index const l = size(211);
  for (auto how : {layout::columns, layout::rows, layout::gaps})
    try_product<TestType, of_int>(l, size(150), size(317), how, how, how);
  SUCCEED();
}

TEMPLATE_TEST_CASE("blas: sizes and leading dimensions beyond what it counts with", "[host][blas]", float, double) {
  // 4 and 7: sizes are cut, and leading dimensions of 5 to 24 are too large for a view to be taken as it is
  for (sp::index m : {1, 3, 4, 5, 17})
    for (sp::index n : {1, 4, 6, 21})
      for (sp::index k : {0, 1, 4, 5, 13})
        for (auto how : writable_layouts) {
          try_product<TestType, 4>(m, n, k, how, layout::columns, how);
          try_product<TestType, 7>(m, n, k, layout::padded_rows, how, layout::padded_columns);
        }
  SUCCEED();
}

TEST_CASE("blas: columns further apart than an int counts are packed", "[host][blas]") {
  constexpr sp::index step = sp::index{1} << 31;
  std::size_t const bytes = (static_cast<std::size_t>(step) + 2) * sizeof(float);  // two pages of them are touched
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    WARN("no 8 GiB of addresses here");
    return;
  }
  auto far = sp::view_matrix(static_cast<float*>(memory), 2, 2, 1, step);
  dense const x = eighths(2, 2, 1), y = eighths(2, 2, 2);
  placed<float> near(2, 2, layout::rows), z(2, 2, layout::columns);
  near.fill(y), sp::copy_in(x.v, far);
  sp::detail::blas_products<float>::gemm(1, far, near.view, 0, z.view);
  expect_equal("x far apart", read(z.view), product(1, x, sp::op::none, y, sp::op::none));
  sp::detail::blas_products<float>::gemm(1, near.view, near.view, 0, far);
  expect_equal("z far apart", read(far), product(1, y, sp::op::none, y, sp::op::none));
  munmap(memory, bytes);
}

TEST_CASE("blas: the verbs call it, and nothing is allocated once its buffers have grown", "[host][blas]") {
  using sp::op;
  for (long f : {8L, size(128), size(256)}) {
    placed<float> x(2 * f, f, layout::gaps), y(2 * f, f, layout::padded_rows), z(f, f, layout::gaps);
    x.fill(uniform(2 * f, f, 4)), y.fill(uniform(2 * f, f, 5));
    auto const run = [&] { sp::gemm(1.0, x.view, op::transpose, y.view, op::none, 0.0, z.view); };
    run();
    CHECK(error<float>(1, sp::matrix_view<float const>(x.view).transposed(), y.view, 0, dense(f, f), read(z.view)) <=
          1);
    allocation_counter const scope;
    run();
    CHECK(scope.count() == 0);
  }
}
