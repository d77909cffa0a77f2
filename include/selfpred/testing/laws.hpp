// SPDX-License-Identifier: MIT
// The laws themselves, by the numbers of docs/concepts.md. Users include testing/conformance.hpp.
#pragma once
#include <algorithm>
#include <limits>
#include <selfpred/ops.hpp>
#include <selfpred/testing/report.hpp>

namespace selfpred::testing::detail {

using selfpred::detail::read_t;
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class T>
class laws {
 public:
  laws(T const& like, conformance_report& report) : like_(like), report_(report) {
    auto x = make({1.0 + 0x1p-40}, extents(1, 1));
    tolerance_ = read(x)[0] == 1.0 ? 1e-5 : 1e-12;
  }

  // The example itself, which may be a view of something else than what filled makes.
  void own_laws() {
    auto const copied = clone(like_);
    expect(18, shape_of(copied) == shape_of(like_), "a clone has the shape of the example given");
    expect(18, read(copied) == read(like_), "a clone has the values of the example given");
    expect(18, shape_of(like_).size() == 0 || !overlaps(like_, copied),
           "a clone shares no storage with the example given");
  }

  void tensor_laws() {
    shape const s = extents(5, 3);
    index const n = s.size();
    auto const a = sample(n, 1), c = sample(n, 2);

    auto x = filled(like_, s, 0.5), y = filled(like_, s);
    expect(1, shape_of(x) == s, "filled makes a tensor of the shape asked for");
    expect(1, same(read(x), std::vector<double>(a.size(), 0.5)), "filled fills with the value asked for");
    expect(1, !overlaps(x, y), "two tensors from filled share no storage");
    expect(1, overlaps(x, x) && storage(x) != storage(y), "overlaps and storage tell tensors apart");

    copy_in(a, x);
    expect(2, same(read(x), a), "copy_out gives back what copy_in put, row-major");
    expect(5, !same(read(x), std::vector<double>(a.size(), 0.5)),
           "copy_in writes the tensor that it is given, not a copy");

    copy_in(c, y);
    axpby(2.0, x, -0.5, y);
    expect(3, same(read(y), combined(2.0, a, -0.5, c)), "axpby: y <- a x + b y");
    expect(5, !same(read(y), c), "axpby writes the tensor that it is given, not a copy");
    axpby(0.25, x, 0.5, x);
    expect(3, same(read(x), combined(0.75, a, 0.0, a)), "axpby: x and y may be one object");
    copy_in(a, x);
    copy_in(std::vector<double>(a.size(), nan), y);
    axpby(1.0, x, 0.0, y);
    expect(4, same(read(y), a), "axpby with b = 0 does not read y: a NaN in it must not survive");

    auto z = clone(x);
    axpby(0.0, x, 2.0, z);
    expect(6, same(read(x), a) && !overlaps(x, z), "a clone shares no storage");
    copy_in(std::vector<double>(a.size(), nan), z);
    copy(x, z);
    expect(6, same(read(z), a) && !overlaps(x, z), "copy writes values, not a handle");

    copy_in(c, y);
    lerp(0.25, x, y);
    expect(7, same(read(y), combined(0.25, a, 0.75, c)), "lerp: y <- y + w (x - y)");
    lerp(1.0, x, y);
    expect(7, read(y) == read(x), "lerp with w = 1 gives x exactly");

    copy_in(c, y);
    expect(8, near(value(dot(x, y)), inner(a, c), tolerance_), "dot: sum of x_i y_i");
    std::vector<double> fine(4097, 0x1p-13);
    fine[0] = 1;
    auto const f = make(fine, extents(4097, 1));
    expect(8, near(value(dot(f, f)), 1 + 0x1p-14, 1e-8), "dot accumulates in double or better");
    expect(8, value(dot(x, y)) == value(dot(x, y)), "dot gives the same bits for the same input");

    auto sum = accumulator(like_, s);
    accumulate(1.0, make(std::vector<double>(a.size(), nan), s), 0.0, sum);
    accumulate(2.0, x, 0.0, sum);
    accumulate(-1.0, y, 1.0, sum);
    narrow(0.5, sum, z);
    expect(9, same(read(z), combined(1.0, a, -0.5, c)),
           "accumulate: sum <- a x + b sum, b = 0 write-only; narrow: y <- a sum");

    scalars();
  }

  void matrix_laws() {
    index const m = 5, k = 4, n = 3;
    for (op p : {op::none, op::transpose})
      for (op q : {op::none, op::transpose}) {
        auto const a = sample(m * k, 3), c = sample(k * n, 4), d = sample(m * n, 5);
        auto x = p == op::none ? make(a, {m, k}) : make(flipped(a, m, k), {k, m});
        auto y = q == op::none ? make(c, {k, n}) : make(flipped(c, k, n), {n, k});
        auto z = make(d, {m, n});
        gemm(0.5, x, p, y, q, 2.0, z);
        expect(10, same(read(z), combined(0.5, product(a, c, m, k, n), 2.0, d)), "gemm: z <- a op(x) op(y) + b z");
        expect(10, same(read(x), p == op::none ? a : flipped(a, m, k)), "gemm leaves its inputs alone");
        copy_in(std::vector<double>(d.size(), nan), z);
        gemm(1.0, x, p, y, q, 0.0, z);
        expect(4, same(read(z), product(a, c, m, k, n)),
               "gemm with b = 0 does not read z: a NaN in it must not survive");
      }
    auto const a = sample(m * n, 6);
    auto x = make(a, {m, n}), g = make(std::vector<double>(9, nan), {n, n});
    auto const gram = product(flipped(a, m, n), a, n, m, n);
    gemm_symmetric(1.0, x, op::transpose, x, op::none, 0.0, g);
    expect(11, same(read(g), gram), "gemm_symmetric of x^T x writes both triangles, with b = 0 write-only");
    gemm_symmetric(0.5, x, op::transpose, x, op::none, 1.0, g);
    expect(11, same(read(g), combined(1.5, gram, 0.0, gram)), "gemm_symmetric adds b z in both triangles");
    auto h = make(std::vector<double>(9, 0.0), {n, n});
    gemm_symmetric(1.0, g, op::none, g, op::none, 0.0, h);
    auto const scaled = combined(1.5, gram, 0.0, gram);
    expect(11, same(read(h), product(scaled, scaled, n, n, n)),
           "gemm_symmetric of commuting symmetric factors is gemm");

    auto const before = read(g);
    add_diagonal(0.25, g);
    auto after = read(g);
    for (std::size_t i = 0; i < 9; i += 4) after[i] -= 0.25;
    expect(12, same(after, before), "add_diagonal changes the diagonal alone");
    row_laws();
  }

  void solve_laws() {
    auto const spd = std::vector<double>{4, 1, 0.5, 1, 3, 0.25, 0.5, 0.25, 2};
    auto const right = sample(6, 9);
    auto x = make(spd, {3, 3}), y = make(right, {3, 2});
    double const pivot = value(spd_solve(x, y));
    expect(15, same(product(spd, read(y), 3, 3, 2), right), "spd_solve: y <- x^-1 y");
    expect(15, pivot > 0 && pivot <= 4, "spd_solve returns the smallest pivot");
    auto x2 = make(spd, {3, 3}), inverse = make(std::vector<double>(9, nan), {3, 3});
    double const same_pivot = value(spd_inverse(x2, inverse));
    expect(15, same(product(spd, read(inverse), 3, 3, 3), {1, 0, 0, 0, 1, 0, 0, 0, 1}), "spd_inverse: y <- x^-1");
    expect(15, near(same_pivot, pivot, tolerance_), "spd_inverse returns the pivot of spd_solve");
    auto indefinite = make({1, 2, 2, 1}, {2, 2}), b = make({1, 1}, {2, 1});
    expect(15, value(spd_solve(indefinite, b)) == 0, "spd_solve returns 0 for a matrix that is not positive definite");
    auto again = make({1, 2, 2, 1}, {2, 2}), c = make({0, 0, 0, 0}, {2, 2});
    expect(15, value(spd_inverse(again, c)) == 0, "spd_inverse returns 0 for a matrix that is not positive definite");
  }
  void eigh_laws() {
    auto x = make({2, 1, 1, 2}, {2, 2}), y = make({nan, nan, nan, nan}, {2, 2});
    std::vector<double> w(2);
    eigenvalues(x, w);
    expect(16, near(w[0], 1, tolerance_) && near(w[1], 3, tolerance_), "eigenvalues are ascending");
    double const largest = value(eigh_power(x, 0.5, y));
    expect(16, same(product(read(y), read(y), 2, 2, 2), {2, 1, 1, 2}), "eigh_power(x, 1/2) squares to x");
    expect(16, near(largest, 3, tolerance_), "eigh_power returns the largest eigenvalue");
    // 3 x 3: every 2 x 2 reflection is symmetric, so that vectors in rows would pass for vectors in columns.
    std::vector<double> const a{4, 1, 0, 1, 3, 1, 0, 1, 1}, identity{1, 0, 0, 0, 1, 0, 0, 0, 1};
    auto z = make(std::vector<double>(9, nan), {3, 3});
    w.resize(3);
    eigenvectors(make(a, {3, 3}), w, z);
    auto const v = read(z);
    expect(16, w[0] < w[1] && w[1] < w[2], "eigenvectors: its eigenvalues are ascending");
    expect(16, same(product(flipped(v, 3, 3), v, 3, 3, 3), identity), "eigenvectors: the columns are orthonormal");
    expect(16, same(product(a, v, 3, 3, 3), product(v, {w[0], 0, 0, 0, w[1], 0, 0, 0, w[2]}, 3, 3, 3)),
           "eigenvectors: column i belongs to eigenvalue i");
    x = make({2, 0, 0, -1}, {2, 2});
    expect(16, near(value(eigh_power(x, 1.0, y)), 2, tolerance_) && same(read(y), {2, 0, 0, 0}),
           "eigh_power counts negative eigenvalues as 0");
    x = make({-2, 0, 0, -1}, {2, 2});
    expect(16, value(eigh_power(x, 1.0, y)) == 0, "eigh_power returns 0 where no eigenvalue is positive");
  }
  void row_scaling_laws() {
    auto const w = sample(5, 10), a = sample(15, 11);
    auto y = make(std::vector<double>(15, nan), {5, 3});
    scale_rows(make(w, {5, 1}), make(a, {5, 3}), y);
    auto expected = a;
    for (std::size_t i = 0; i < 15; ++i) expected[i] *= w[i / 3];
    expect(17, same(read(y), expected), "scale_rows: y_i <- w_i x_i, y write-only");
  }

 private:
  void scalars() {
    using S = scalar_t<T>;
    S const two(2.0), three(3.0), zero(0.0);
    expect(14, value(two * three) == 6 && value(two + three) == 5, "scalars multiply and add");
    expect(14, near(value(square_root(two)), 1.4142135623730951, 1e-6), "scalars have a square root");
    expect(14, near(value(reciprocal(two)), 0.5, 1e-6) && value(reciprocal(zero)) == 0, "reciprocal(0) is 0");
  }
  // Rows: one above the floor, one below, one zero. The adjoint is checked against the definition.
  void row_laws() {
    double const floor = 0.01;
    std::vector<double> const a{3, 4, 0.03, 0.04, 0, 0}, g{1, 2, 3, 4, 5, 6};
    std::vector<double> value_expected = a, adjoint = g;
    for (std::size_t i = 0; i < 6; i += 2) {
      double const square = a[i] * a[i] + a[i + 1] * a[i + 1], along = a[i] * g[i] + a[i + 1] * g[i + 1];
      double const r = 1 / std::sqrt(std::max(square, floor));
      for (std::size_t j = i; j < i + 2; ++j) {
        value_expected[j] = a[j] * r;
        adjoint[j] = r * (g[j] - (square > floor ? along / square * a[j] : 0));
      }
    }
    auto x = make(a, {3, 2}), y = make(std::vector<double>(6, nan), {3, 2});
    normalize_rows(floor, x, y);
    expect(13, same(read(y), value_expected), "normalize_rows: y_i <- x_i / sqrt(max(|x_i|^2, epsilon)), y write-only");
    copy_in(g, y);
    normalize_rows_adjoint(floor, x, y);
    expect(13, same(read(y), adjoint), "normalize_rows_adjoint is the adjoint, on both sides of epsilon");
    auto zero = make({0, 0, 3, 4}, {2, 2}), unit = make(std::vector<double>(4, nan), {2, 2});
    normalize_rows(0.0, zero, unit);
    expect(13, same(read(unit), {0, 0, 0.6, 0.8}), "normalize_rows with epsilon = 0 leaves a zero row zero");
    copy_in(std::vector<double>{1, 2, 3, 1}, unit);
    normalize_rows_adjoint(0.0, zero, unit);
    expect(13, same(read(unit), {0, 0, 0.288, -0.216}), "its adjoint gives a zero row no gradient");
  }

  void expect(int law, bool holds, char const* what) {
    if (!holds) report_.violations.push_back({law, what});
  }
  bool same(std::vector<double> const& x, std::vector<double> const& y) const {
    for (std::size_t i = 0; i < y.size(); ++i)
      if (!near(x[i], y[i], 10 * tolerance_)) return false;
    return x.size() == y.size();
  }
  // Two extents and ones: a tensor of a static rank other than 2 runs the elementwise laws all the same.
  static shape extents(index rows, index cols) {
    constexpr int rank = selfpred::detail::rank_of<read_t<T>>;
    shape s(rows, cols);
    if constexpr (rank >= 0) {
      s.rank = rank;
      for (int d = 2; d < rank; ++d) s.extent[static_cast<std::size_t>(d)] = 1;
      if (rank == 1) s.extent = {rows * cols};
    }
    return s;
  }
  owner_t<T> make(std::vector<double> const& v, shape const& s) const {
    auto x = filled(like_, s);
    copy_in(v, x);
    return x;
  }
  static std::vector<double> read(auto const& x) {
    std::vector<double> v(static_cast<std::size_t>(shape_of(x).size()));
    copy_out(x, v);
    return v;
  }
  T const& like_;
  conformance_report& report_;
  double tolerance_ = 1e-5;
};

}  // namespace selfpred::testing::detail
