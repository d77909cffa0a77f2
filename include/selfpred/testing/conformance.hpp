// SPDX-License-Identifier: MIT
// The laws of an adapter, run on a user's own type, with no test framework:
//
//   auto const report = selfpred::testing::conformance(an_example_tensor);
//   if (!report.passed()) std::cerr << report.text();
//
// docs/concepts.md explains each law by its number. A concept can check signatures; only this can check meaning, and
// that an optional operation is spelt as the library spells it: the report lists the defaults in use.
#pragma once
#include <selfpred/testing/laws.hpp>

namespace selfpred::testing {
namespace detail {

using selfpred::detail::sum_t;
using selfpred::detail::write_t;

// An inherited default is the base's template; an override hides it, and then these are ill-formed or differ.
template <class T>
std::vector<std::string> defaults_in_use() {
  using O = operations_t<T>;
  using C = read_t<T>;
  using M = write_t<T>;
  using W = sum_t<T>;
  using S = scalar_t<T>;
  std::vector<std::string> names;
  if constexpr (requires { typename O::defaults; }) {
    using D = typename O::defaults;
#define SELFPRED_DEFAULT(name, ...)                                                                      \
  if constexpr (requires { requires& O::template name<__VA_ARGS__> == &D::template name<__VA_ARGS__>; }) \
  names.emplace_back(#name)
    SELFPRED_DEFAULT(averageable, C);
    SELFPRED_DEFAULT(expect_alike, C, C);
    SELFPRED_DEFAULT(overlaps, C, C);
    SELFPRED_DEFAULT(copy, C, M);
    SELFPRED_DEFAULT(lerp, S, C, M);
    SELFPRED_DEFAULT(gemm_symmetric, S, C, C, S, M);
    SELFPRED_DEFAULT(accumulator, C);
    SELFPRED_DEFAULT(accumulate, S, C, W);
    SELFPRED_DEFAULT(narrow, S, W, M);
#undef SELFPRED_DEFAULT
  }
  return names;
}

}  // namespace detail

/// Runs every law that T's rungs admit, on tensors made like `like` and on `like` itself. Reads results back; allocates.
/// Host tensors of float and double need <selfpred/host/eigh.hpp> and <selfpred/host/solve.hpp> included as well.
template <tensor T>
conformance_report conformance(T const& like) {
  conformance_report report;
  detail::laws<T> laws(like, report);
  auto const has = [&](char const* name) { report.capabilities.emplace_back(name); };
  has("tensor");
  if (storage(like) != nullptr) laws.own_laws();
  laws.tensor_laws();
  if constexpr (matrix<T>) has("matrix"), laws.matrix_laws();
  if constexpr (matrix_with_solve<T>) has("matrix_with_solve"), laws.solve_laws();
  if constexpr (matrix_with_eigh<T>) has("matrix_with_eigh"), laws.eigh_laws();
  if constexpr (matrix_with_row_scaling<T>) has("matrix_with_row_scaling"), laws.row_scaling_laws();
  report.defaults = detail::defaults_in_use<T>();
  return report;
}

}  // namespace selfpred::testing
