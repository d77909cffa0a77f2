// SPDX-License-Identifier: MIT
// Every verb on every form that an Eigen tensor takes. The laws (testing/conformance.hpp) run in host/eigh.test.cpp.
#include <selfpred/adapters/eigen.hpp>

#include "support/allocations.hpp"
#include "support/dense.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Eigen::Dynamic;
using sp::op;

namespace {

// Each form owns or borrows an n x n matrix and gives it as a tensor through get().
template <class M>
struct owned {
  using scalar = typename M::Scalar;
  M m;
  explicit owned(sp::index n) : m(n, n) { m.setConstant(-7); }
  M& get() { return m; }
};
template <class M>
struct fixed {
  using scalar = typename M::Scalar;
  M m = M::Constant(-7);
  explicit fixed(sp::index) {}
  M& get() { return m; }
};
template <class M>
struct base {  // memory for the forms that borrow, larger than they need
  using scalar = typename M::Scalar;
  M m;
  sp::index n;
  explicit base(sp::index size) : m(M::Constant(3 * size + 2, 3 * size + 2, -7)), n(size) {}
};
template <class M>
struct map : base<M> {
  using base<M>::base;
  auto get() { return Eigen::Map<M>(this->m.data(), this->n, this->n); }
};
template <class M>
struct strided_map : base<M> {
  using base<M>::base;
  auto get() {
    return Eigen::Map<M, 0, Eigen::Stride<Dynamic, Dynamic>>(this->m.data(), this->n, this->n, {3 * this->n, 2});
  }
};
template <class M>
struct block : base<M> {
  using base<M>::base;
  auto get() { return this->m.block(1, 2, this->n, this->n); }
};
template <class M>
struct ref : base<M> {
  using base<M>::base;
  auto get() { return Eigen::Ref<M, 0, Eigen::OuterStride<>>(this->m.block(2, 1, this->n, this->n)); }
};
template <class M>
struct transpose : base<M> {
  using base<M>::base;
  auto get() { return this->m.topLeftCorner(this->n, this->n).transpose(); }
};

using columns_f = Eigen::MatrixXf;
using columns_d = Eigen::MatrixXd;
using rows_f = Eigen::Matrix<float, Dynamic, Dynamic, Eigen::RowMajor>;
using rows_d = Eigen::Matrix<double, Dynamic, Dynamic, Eigen::RowMajor>;

// x, y and z are of the form; `other` is an ordinary matrix, of another order where there is one.
template <class Form>
void every_verb() {
  using S = typename Form::scalar;
  sp::index const n = 4;
  bool const narrow = sizeof(S) == 4;
  dense const a = eighths(n, n, 1), b = eighths(n, n, 2), poison(n, n, NAN);
  Form fx(n), fy(n), fz(n);
  auto&& x = fx.get();
  auto&& y = fy.get();
  auto&& z = fz.get();
  Eigen::Matrix<S, Dynamic, Dynamic, Eigen::RowMajor> other(n, n);

  write(a, x), write(b, y), write(b, other);
  expect_equal("copy_in, copy_out", read(x), a);
  CHECK(x(1, 2) == static_cast<S>(a(1, 2)));  // (i, j) means what Eigen means
  CHECK(sp::shape_of(x) == sp::shape(n, n));
  CHECK(sp::storage(x) == static_cast<void const*>(x.data()));
  CHECK(sp::overlaps(x, x));
  CHECK_FALSE(sp::overlaps(x, y));

  sp::axpby(2.0, x, -0.5, y);
  expect_equal("axpby", read(y), combination(2, a, -0.5, b));
  sp::axpby(0.5, y, 0.5, y);
  expect_equal("axpby, x is y", read(y), combination(2, a, -0.5, b));
  write(poison, y);
  sp::axpby(1.0, x, 0.0, y);
  expect_equal("axpby, b = 0", read(y), a);
  sp::axpby(1.0, other, 1.0, y);
  expect_equal("axpby from another form", read(y), combination(1, a, 1, b));
  write(poison, z);
  sp::copy(x, z);
  expect_equal("copy", read(z), a);
  sp::copy(z, other);
  expect_equal("copy to another form", read(other), a);
  write(b, z), write(b, other);
  sp::lerp(0.25, x, z);
  expect_equal("lerp", read(z), combination(0.25, a, 0.75, b));
  CHECK(sp::dot(x, other) == inner(a, b));

  auto own = sp::clone(x);
  static_assert(std::same_as<decltype(own), sp::owner_t<decltype(x)>>);
  expect_equal("clone", read(own), a);
  CHECK_FALSE(sp::overlaps(x, own));
  expect_equal("filled", read(sp::filled(x, sp::shape(2, 5), 1.5)), dense(2, 5, 1.5));

  auto sum = sp::accumulator(x, sp::shape(n, n));
  sp::accumulate(2.0, x, 0.0, sum);
  sp::accumulate(-1.0, other, 1.0, sum);
  write(poison, z);
  sp::narrow(0.5, sum, z);
  expect_equal("accumulate, narrow", read(z), combination(1, a, -0.5, b));

  for (op p : {op::none, op::transpose})
    for (op q : {op::none, op::transpose}) {
      write(poison, z);
      sp::gemm(1.0, x, p, other, q, 0.0, z);
      expect_equal("gemm, b = 0", read(z), product(1, a, p, b, q));
      sp::gemm(-0.5, other, p, x, q, 2.0, z);
      expect_equal("gemm", read(z), product(-0.5, b, p, a, q, 2, product(1, a, p, b, q)));
    }
  write(poison, z);
  sp::gemm_symmetric(1.0, x, op::transpose, x, op::none, 0.0, z);
  dense gram = product(1, a, op::transpose, a, op::none);
  expect_equal("gemm_symmetric", read(z), gram);
  sp::add_diagonal(0.25, z);
  for (sp::index i = 0; i < n; ++i) gram(i, i) += 0.25;
  expect_equal("add_diagonal", read(z), gram);

  write(poison, z);
  sp::normalize_rows(1e-12, x, z);
  expect_near("normalize_rows", read(z), normalized(a, 1e-12), narrow ? 1e-7 : 1e-15);
  write(b, z);
  sp::normalize_rows_adjoint(100.0, x, z);  // every row below the floor
  expect_near("normalize_rows_adjoint", read(z), combination(0.1, b, 0, b), narrow ? 1e-7 : 1e-15);

  Eigen::Matrix<S, Dynamic, 1> w(n);
  write(dense(n, 1, 0.5), w);
  write(poison, z);
  sp::scale_rows(w, x, z);
  expect_equal("scale_rows", read(z), combination(0.5, a, 0, a));

  dense const spd = positive_definite(n, 3);
  write(spd, x), write(b, y);
  CHECK(sp::spd_solve(x, y) > 0.25);
  expect_near("spd_solve", product(1, spd, op::none, read(y), op::none), b, narrow ? 1e-5 : 1e-13);
}

}  // namespace

TEMPLATE_TEST_CASE("eigen: every verb", "[eigen]", owned<columns_f>, owned<columns_d>, owned<rows_f>, owned<rows_d>,
                   owned<Eigen::ArrayXXf>, fixed<Eigen::Matrix4f>, fixed<Eigen::Matrix4d>, map<columns_f>, map<rows_f>,
                   strided_map<columns_f>, strided_map<rows_d>, block<columns_f>, block<rows_f>, ref<columns_f>,
                   transpose<columns_f>) {
  every_verb<TestType>();
}

TEST_CASE("eigen: what is around a block stays", "[eigen]") {
  columns_f m = columns_f::Constant(8, 8, -7);
  sp::axpby(1.0, columns_f::Ones(3, 4).eval(), 0.0, m.block(2, 3, 3, 4));
  CHECK((m.array() == -7).count() == 64 - 12);
  CHECK((m.block(2, 3, 3, 4).array() == 1).all());
}

TEST_CASE("eigen: a const Map is read", "[eigen]") {
  std::vector<float> const v{1, 2, 3, 4, 5, 6};
  Eigen::Map<rows_f const> const x(v.data(), 2, 3);
  CHECK(sp::dot(x, x) == 91);
  rows_f y(2, 2);
  sp::gemm(1.0, x, op::none, x, op::transpose, 0.0, y);
  CHECK(y(0, 1) == 32);
  static_assert(std::same_as<sp::owner_t<Eigen::Map<rows_f const>>, rows_f>);
}

TEST_CASE("eigen: vectors are columns and rows", "[eigen]") {
  Eigen::VectorXf const c = Eigen::VectorXf::LinSpaced(3, 1, 3);
  Eigen::RowVectorXf const r = Eigen::RowVectorXf::LinSpaced(3, 1, 3);
  Eigen::Vector3d const f(1, 2, 3);
  CHECK(sp::shape_of(c) == sp::shape(3, 1));
  CHECK(sp::shape_of(r) == sp::shape(1, 3));
  CHECK(sp::shape_of(f) == sp::shape(3, 1));
  columns_f outer(3, 3), one(1, 1);
  sp::gemm(1.0, c, op::none, r, op::none, 0.0, outer);
  CHECK(outer(2, 1) == 6);
  sp::gemm(1.0, r, op::none, c, op::none, 0.0, one);
  CHECK(one(0, 0) == 14);
  Eigen::VectorXf y(3);
  sp::gemm(1.0, outer, op::none, c, op::none, 0.0, y);
  CHECK(y(2) == 42);
}

TEST_CASE("eigen: integers are copied", "[eigen]") {
  Eigen::VectorXi const x = Eigen::VectorXi::Constant(3, 7);
  Eigen::VectorXi y = Eigen::VectorXi::Zero(3);
  sp::copy(x, y);
  CHECK(y(2) == 7);
}

TEST_CASE("eigen: an owner is a matrix, and another rank is refused", "[eigen]") {
  columns_f const x(2, 2);
  CHECK(thrown<sp::shape_error>([&] {
          sp::filled(x, sp::shape(std::vector<int>{2, 3, 4}));
        }) == "filled: the shape of an Eigen matrix is 2 x 3 x 4, expected two extents");
  CHECK_THROWS_AS(sp::filled(x, sp::shape(std::vector<int>{5})), sp::shape_error);
}

TEST_CASE("eigen: shapes that do not fit", "[eigen]") {
  columns_f x(2, 3), y(3, 2);
  CHECK(thrown<sp::shape_error>([&] { sp::copy(x, y); }) == "selfpred: the shape of y is 3 x 2, expected 2 x 3");
}

TEMPLATE_TEST_CASE("eigen: no verb allocates", "[eigen]", owned<columns_f>, owned<rows_f>, map<columns_f>,
                   block<rows_d>, transpose<columns_d>, owned<Eigen::ArrayXXf>) {
  sp::index const n = size(200);
  TestType fx(n), fy(n), fz(n);
  auto&& x = fx.get();
  auto&& y = fy.get();
  auto&& z = fz.get();
  dense const a = positive_definite(n, 4);
  write(a, x), write(a, y), write(a, z);
  auto const all = [&] {
    sp::axpby(0.5, x, 0.0, y);
    sp::lerp(0.5, x, z);
    sp::gemm(1.0, x, op::none, y, op::transpose, 0.0, z);
    sp::gemm_symmetric(1.0, x, op::transpose, x, op::none, 0.0, z);
    sp::normalize_rows(1e-12, x, y);
    sp::normalize_rows_adjoint(1e-12, x, y);
    return sp::dot(x, y);
  };
  double const first = all();
  write(a, x), write(a, y), write(a, z);
  allocation_counter scope;
  double const second = all();
  long const count = scope.count();
  CHECK(count == 0);
  CHECK(first == second);
}
