// SPDX-License-Identifier: MIT
// Who models what. Compiling is the test.
#include <Eigen/Sparse>
#include <map>
#include <optional>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/host/eigh.hpp>
#include <selfpred/model.hpp>
#include <selfpred/stop_gradient.hpp>

#include "support/opaque.hpp"

namespace sp = selfpred;
using Eigen::Dynamic;
using Eigen::MatrixXd;
using Eigen::MatrixXf;
using row_major = Eigen::Matrix<float, Dynamic, Dynamic, Eigen::RowMajor>;

// Everything in Eigen that has memory climbs the whole ladder.
template <class T>
concept full = sp::matrix_with_solve<T> && sp::matrix_with_eigh<T> && sp::matrix_with_row_scaling<T>;
static_assert(full<MatrixXf> && full<MatrixXd> && full<row_major> && full<Eigen::Matrix4f> && full<Eigen::Matrix4d>);
static_assert(full<Eigen::ArrayXXf> && full<Eigen::ArrayXXd> && full<Eigen::VectorXf> && full<Eigen::RowVectorXf>);
static_assert(full<Eigen::Map<MatrixXf>> && full<Eigen::Map<MatrixXf const>>);
static_assert(full<Eigen::Map<MatrixXf, 0, Eigen::Stride<Dynamic, Dynamic>>>);
static_assert(full<Eigen::Block<MatrixXf>> && full<Eigen::Block<MatrixXf const>> && full<Eigen::Transpose<MatrixXf>>);
static_assert(full<Eigen::Ref<MatrixXf>> && full<Eigen::Ref<MatrixXf const>> && full<Eigen::Ref<row_major>>);
static_assert(full<decltype(std::declval<MatrixXf&>().topRows(1))> && full<decltype(std::declval<MatrixXf&>().row(1))>);
static_assert(full<sp::host_array<float>> && full<sp::host_array<double>> && full<sp::matrix_view<float const>>);
// References and const are looked through.
static_assert(full<MatrixXf&> && full<MatrixXf const&> && full<MatrixXf const> && full<MatrixXf&&>);

// No memory, no tensor.
static_assert(!sp::tensor<decltype(MatrixXf{} * MatrixXf{})> && !sp::tensor<decltype(MatrixXf{} + MatrixXf{})>);
static_assert(!sp::tensor<decltype(MatrixXf{}.cwiseAbs())> && !sp::tensor<Eigen::DiagonalMatrix<float, 3>>);
static_assert(!sp::tensor<Eigen::SparseMatrix<float>> && !sp::tensor<decltype(MatrixXf::Identity(2, 2))>);
static_assert(!sp::tensor<int> && !sp::tensor<double> && !sp::tensor<void*> && !sp::tensor<std::vector<MatrixXf>>);
static_assert(sp::tensor<std::vector<float>> && !sp::matrix<std::vector<float>>);  // numbers in a row, of rank 1
static_assert(!sp::tensor<float[3]> && !sp::tensor<std::optional<MatrixXf>>);

// A known rank other than 2 is a tensor and no matrix; an unknown one is checked when it is used.
static_assert(sp::tensor<sp::strided<float, 3>> && !sp::matrix<sp::strided<float, 3>>);
static_assert(sp::tensor<sp::strided<float, 1>> && !sp::matrix<sp::strided<float, 1>>);
static_assert(sp::matrix<sp::strided<float>> && sp::matrix<sp::strided<float, 2>>);

// Integers can be copied and counted in a model; they have no solve.
static_assert(sp::tensor<Eigen::VectorXi> && !sp::matrix_with_solve<Eigen::MatrixXi>);

// What may be an output.
static_assert(sp::writable<MatrixXf> && sp::writable<MatrixXf&> && sp::writable<Eigen::Block<MatrixXf>>);
static_assert(sp::writable<Eigen::Map<MatrixXf>> && sp::writable<Eigen::Ref<MatrixXf>>);
static_assert(sp::writable<sp::matrix_view<float>> && sp::writable<sp::host_array<float>&>);
static_assert(!sp::writable<MatrixXf const> && !sp::writable<MatrixXf const&>);
static_assert(!sp::writable<Eigen::Map<MatrixXf const>> && !sp::writable<Eigen::Block<MatrixXf const>>);
static_assert(!sp::writable<Eigen::Ref<MatrixXf const>> && !sp::writable<Eigen::Transpose<MatrixXf const>>);
// A const view is const all the way, so that const means one thing for views and owners.
static_assert(!sp::writable<sp::matrix_view<float> const>);
static_assert(!sp::writable<sp::matrix_view<float const>> && !sp::writable<sp::host_array<float> const&>);

// Who may meet in one call: the same element type, whatever the class.
static_assert(sp::compatible<MatrixXf, Eigen::Map<MatrixXf const>> && sp::compatible<row_major, Eigen::ArrayXXf>);
static_assert(sp::compatible<MatrixXf&, sp::host_array<float> const&> && sp::compatible<MatrixXf, sp::strided<float>>);
static_assert(!sp::compatible<MatrixXf, MatrixXd> && !sp::compatible<MatrixXf, far::handle>);
static_assert(!sp::compatible<far::remote, far::handle> && !sp::compatible<MatrixXf, int>);

// Associated types.
static_assert(std::same_as<sp::owner_t<MatrixXf>, MatrixXf> && std::same_as<sp::owner_t<Eigen::Matrix4f>, MatrixXf>);
static_assert(std::same_as<sp::owner_t<Eigen::Map<row_major const>>, row_major>);
static_assert(std::same_as<sp::owner_t<Eigen::ArrayXXd>, MatrixXd> &&
              std::same_as<sp::owner_t<Eigen::VectorXf>, MatrixXf>);
static_assert(std::same_as<sp::owner_t<sp::matrix_view<float const>>, sp::host_array<float>>);
static_assert(std::same_as<sp::accumulator_t<MatrixXf>, sp::host_array<double>>);
static_assert(std::same_as<sp::scalar_t<MatrixXf>, double> && std::same_as<sp::scalar_t<MatrixXd const&>, double>);
static_assert(std::same_as<sp::operations_t<MatrixXf>, sp::operations_t<sp::strided<float const, 2>>>);

// Opaque tensors have what they wrote and nothing more.
static_assert(sp::matrix<far::remote> && sp::matrix<far::handle> && sp::writable<far::remote>);
static_assert(!sp::matrix_with_solve<far::remote> && !sp::matrix_with_eigh<far::remote>);
static_assert(!sp::matrix_with_row_scaling<far::remote>);
static_assert(std::same_as<sp::scalar_t<far::remote>, far::scalar> &&
              std::same_as<sp::accumulator_t<far::remote>, far::remote>);
static_assert(sp::scalar_handle<double> && sp::scalar_handle<far::scalar> && !sp::scalar_handle<int>);
static_assert(!sp::scalar_handle<float>, "a float would be the element type: coefficients on hosts are double");

// An adapter's output parameters must be able to be written: by-value results are left to the laws, signatures are not.
struct unfinished {};
template <>
struct selfpred::tensor_traits<unfinished> : selfpred::does_operations<unfinished> {};
static_assert(!sp::tensor<unfinished>);

// Models.
struct no_model {};
static_assert(sp::model<MatrixXf> && sp::model<std::tuple<MatrixXf, MatrixXd>> && sp::model<std::vector<far::handle>>);
static_assert(sp::model<std::map<std::string, MatrixXf>> && sp::model<double> && sp::model<std::pair<MatrixXf, float>>);
static_assert(sp::model<MatrixXf const> && !sp::model<no_model> && !sp::has_buffers<MatrixXf>);

TEST_CASE("the concepts hold at compile time", "[concepts]") { SUCCEED(); }
