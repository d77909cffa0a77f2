// SPDX-License-Identifier: MIT
// libtorch, 1.13 or later. It gives operations on tensors whose type and device are known at run time, and autograd. This
// header adds at::Tensor as a tensor that does operations, and modules as models.
//
// - Nothing here is recorded: operations run without gradients, and stop_gradient detaches. To train, pass the gradients
//   on: z1.backward(result.gradient1), which equals autograd on the loss written out.
// - Copying a module copies handles. Build the target as a second module: ema_target{online, target, schedule, policy}.
// - Scalars are double: on an accelerator every reduction waits for the device.
#pragma once
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <functional>
#include <selfpred/model.hpp>
#include <unordered_set>
#include <vector>

namespace selfpred {

template <>
struct tensor_traits<at::Tensor> : does_operations<at::Tensor> {
  using T = at::Tensor;
  using quiet = at::NoGradGuard;  // as a last parameter it guards the body: no write may grow a graph

  static T detach(T const& x) { return defined(x).detach(); }
  static selfpred::shape shape(T const& x) { return selfpred::shape(defined(x).sizes()); }
  static void const* storage(T const& x) { return defined(x).data_ptr(); }
  static bool averageable(T const& x) { return defined(x).is_floating_point() && x.element_size() >= 4; }
  static void expect_alike(T const& x, T const& y) {
    if (x.device() != y.device() || x.scalar_type() != y.scalar_type())
      throw domain_error("a torch tensor is " + kind(x) + ", expected " + kind(y));
  }
  static bool overlaps(T const& x, T const& y) {
    auto const a = addresses(x), b = addresses(y);
    return x.device() == y.device() && std::less<>()(a.first, b.second) && std::less<>()(b.first, a.second);
  }
  static T filled(T const& like, selfpred::shape const& s, double v) {
    return at::full(std::vector<std::int64_t>(s.begin(), s.end()), v, defined(like).options().requires_grad(false));
  }
  static T accumulator(T const& like, selfpred::shape const& s) { return filled(like, s, 0).to(at::kDouble); }

  static void copy(T const& x, T& y, quiet = {}) { fit("copy", "y", y, shape(x)).copy_(x); }
  static void axpby(double a, T const& x, double b, T& y, quiet = {}) {
    fit("axpby", "y", y, shape(x));
    b == 0 ? y.copy_(x).mul_(a) : overlaps(x, y) ? y.copy_(x * a + y * b) : y.mul_(b).add_(x, a);
  }
  static void lerp(double w, T const& x, T& y, quiet = {}) {
    fit("lerp", "y", y, shape(x));
    w == 1 ? y.copy_(x) : y.lerp_(x, w);  // lerp_ would keep a NaN of y
  }
  static void narrow(double a, T const& sum, T& y, quiet = {}) { fit("narrow", "y", y, shape(sum)).copy_(sum * a); }
  static double dot(T const& x, T const& y, quiet = {}) {
    return at::dot(wide(x).reshape(-1), wide(fit("dot", "y", y, shape(x))).reshape(-1)).item<double>();
  }
  static void copy_out(T const& x, std::span<double> row_major, quiet = {}) { host("copy_out", row_major, x).copy_(x); }
  static void copy_in(std::span<double const> row_major, T& y, quiet = {}) {
    y.copy_(host("copy_in", {const_cast<double*>(row_major.data()), row_major.size()}, y));
  }

  static void gemm(double a, T const& x, op p, T const& y, op q, double b, T& z, quiet = {}) {
    T const u = oriented(x, p), v = oriented(y, q);
    at::addmm_out(z, fit("gemm", "z", z, {u.size(0), v.size(1)}), u, v, b, a);
  }
  static void add_diagonal(double a, T& x, quiet = {}) { x.diagonal().add_(a); }
  static void normalize_rows(double epsilon, T const& x, T& y, quiet = {}) {
    T const d = wide(x), squares = d.square().sum(1, true);
    fit("normalize_rows", "y", y, shape(x)).copy_(d * inverse_norm(squares, epsilon));
  }
  static void normalize_rows_adjoint(double epsilon, T const& x, T& g, quiet = {}) {
    fit("normalize_rows_adjoint", "g", g, shape(x));
    T const d = wide(x), squares = d.square().sum(1, true);
    T const along = ((d * g).sum(1, true) / squares).masked_fill(squares.lt(epsilon).logical_or(squares.eq(0)), 0);
    g.copy_((g - d * along) * inverse_norm(squares, epsilon));
  }

  static void scale_rows(T const& w, T const& x, T& y, quiet = {}) {
    fit("scale_rows", "the column of weights", w, {x.size(0), 1});
    fit("scale_rows", "y", y, shape(x)).copy_(w * x);
  }
  static double spd_solve(T& x, T& y, quiet = {}) {
    auto const [factor, failed] = at::linalg_cholesky_ex(x);
    if (failed.item<bool>()) return 0;
    fit("spd_solve", "y", y, {x.size(1), y.size(1)}).copy_(at::cholesky_solve(y, factor));
    return least_pivot(factor);
  }
  static double spd_inverse(T& x, T& y, quiet = {}) {
    auto const [factor, failed] = at::linalg_cholesky_ex(x);
    if (failed.item<bool>()) return 0;
    fit("spd_inverse", "y", y, shape(x)).copy_(at::cholesky_inverse(factor));
    return least_pivot(factor);
  }
  static double eigh_power(T const& x, double power, T& y, quiet = {}) {
    auto const [w, v] = at::linalg_eigh(x, "L");
    T const positive = w.clamp_min(0);
    fit("eigh_power", "y", y, shape(x)).copy_(at::matmul(v * positive.pow(power), v.t()));
    return w.numel() == 0 ? 0 : positive[-1].item<double>();
  }
  static void eigenvalues(T const& x, std::span<double> ascending, quiet = {}) {
    T const w = at::linalg_eigvalsh(x, "L");
    host("eigenvalues", ascending, w).copy_(w);
  }
  static void eigenvectors(T const& x, std::span<double> ascending, T& v, quiet = {}) {
    auto const [w, columns] = at::linalg_eigh(x, "L");
    host("eigenvectors", ascending, w).copy_(w);
    fit("eigenvectors", "v", v, shape(x)).copy_(columns);
  }

 private:
  static std::string kind(T const& x) { return std::string(at::toString(x.scalar_type())) + " on " + x.device().str(); }
  static T const& defined(T const& x) {
    if (!x.defined()) throw state_error("selfpred: a torch tensor is undefined, expected one with values");
    return x;
  }
  static double least_pivot(T const& factor) {  // of no rows, as on hosts: min would refuse
    double const least = factor.numel() == 0 ? INFINITY : factor.diagonal().min().item<double>();
    return least > 0 ? least * least : 0;
  }
  static T wide(T const& x) { return x.to(at::kDouble); }    // itself where it is double already
  static T inverse_norm(T const& squares, double epsilon) {  // 0 where the floored square is 0
    T const floored = squares.clamp_min(epsilon);
    return floored.rsqrt().masked_fill(floored.eq(0), 0);
  }
  static T oriented(T const& x, op p) { return p == op::none ? x : x.t(); }
  // y itself, of shape s. libtorch would spread a row over a matrix, and resize a result, without a word.
  static T const& fit(char const* verb, char const* what, T const& y, selfpred::shape const& s) {
    if (shape(y) != s) throw shape_error(selfpred::detail::complaint(verb, what, shape(y).text(), s.text()));
    return y;
  }
  static T host(char const* verb, std::span<double> v, T const& like) {
    if (static_cast<std::size_t>(defined(like).numel()) != v.size())
      throw shape_error(selfpred::detail::complaint(verb, "the span", std::to_string(v.size()), shape(like).text()));
    return at::from_blob(v.data(), like.sizes(), at::kDouble);
  }
  // From the first element to past the last: views of one storage may be apart.
  static std::pair<char const*, char const*> addresses(T const& x) {
    auto const first = static_cast<char const*>(storage(x));
    if (x.numel() == 0) return {};
    std::int64_t last = 0;
    for (std::int64_t d = 0; d < x.dim(); ++d) last += (x.size(d) - 1) * x.stride(d);
    return {first, first + (last + 1) * static_cast<std::int64_t>(x.element_size())};
  }
};

namespace detail {

// A tensor under two names (tied weights) is one tensor: it must not be averaged twice.
inline auto each_once(torch::OrderedDict<std::string, at::Tensor> const& all) {
  std::unordered_set<void const*> seen;
  torch::OrderedDict<std::string, at::Tensor> kept;
  for (auto const& i : all)
    if (seen.insert(i.value().unsafeGetTensorImpl()).second) kept.insert(i.key(), i.value());
  return kept;
}

template <class M>
concept torch_module = std::derived_from<M, torch::nn::Module>;
template <class M>
concept torch_module_handle = requires(M& m) { requires torch_module<std::remove_reference_t<decltype(*m)>>; };

}  // namespace detail

/// A module is its named parameters and buffers, those of its submodules included.
template <detail::torch_module M>
struct model_traits<M> {
  static auto parameters(M& m) { return detail::each_once(m.named_parameters()); }
  static auto buffers(M& m) { return detail::each_once(m.named_buffers()); }
};
/// So are its handles: torch::nn::Linear, Sequential, std::shared_ptr of a module.
template <detail::torch_module_handle M>
struct model_traits<M> {
  static auto parameters(M& m) { return detail::each_once(m->named_parameters()); }
  static auto buffers(M& m) { return detail::each_once(m->named_buffers()); }
};

}  // namespace selfpred
