// SPDX-License-Identifier: MIT
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <selfpred/adapters/torch.hpp>
#include <selfpred/testing/conformance.hpp>
#if __has_include(<nlohmann/json.hpp>)
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/checkpoint/torch_leaf.hpp>

#include "checkpoint/folder.hpp"
#endif

#include "tenants/same_as_eigen.hpp"

using at::Tensor;
using Catch::Matchers::ContainsSubstring;
using selfpred::stop_gradient;

static_assert(selfpred::matrix_with_solve<Tensor> && selfpred::matrix_with_eigh<Tensor> &&
              selfpred::matrix_with_row_scaling<Tensor>);
static_assert(selfpred::writable<Tensor> && !selfpred::writable<Tensor const>);
static_assert(!selfpred::compatible<Tensor, Eigen::MatrixXd>);
static_assert(std::same_as<decltype(stop_gradient(std::declval<Tensor const&>())), selfpred::stopped<Tensor>>);
static_assert(!selfpred::stopped_tensor<Tensor> && !std::convertible_to<Tensor, selfpred::stopped<Tensor>> &&
                  !std::constructible_from<selfpred::stopped<Tensor>, Tensor>,
              "the one way to a target is stop_gradient, which detaches");
static_assert(selfpred::model<torch::nn::Linear> && selfpred::has_buffers<torch::nn::Sequential>);

namespace {

Tensor make(std::vector<double> const& v, std::int64_t rows, std::int64_t cols) {
  Tensor x = at::empty({rows, cols}, at::kDouble);
  selfpred::copy_in(v, x);
  return x;
}
Tensor make(std::int64_t rows, std::int64_t cols, double phase) {
  return make(tenants::values(rows * cols, phase), rows, cols);
}
Tensor single(std::vector<double> const& v, std::int64_t rows, std::int64_t cols) {
  return make(v, rows, cols).to(at::kFloat);
}
Tensor transposed(std::vector<double> const& v, std::int64_t rows, std::int64_t cols) {
  return make(v, rows, cols).t().contiguous().t();
}
Tensor sliced(std::vector<double> const& v, std::int64_t rows, std::int64_t cols) {
  Tensor wide = at::zeros({2 * rows, 2 * cols + 1}, at::kDouble);
  Tensor x = wide.slice(0, 0, 2 * rows, 2).slice(1, 1, 2 * cols + 1, 2);
  return x.copy_(make(v, rows, cols)), x;
}
double distance(Tensor const& x, Tensor const& y) { return tenants::distance(tenants::read(x), tenants::read(y)); }

torch::nn::Sequential network(double phase) {
  torch::nn::Sequential net(torch::nn::Linear(5, 8), torch::nn::BatchNorm1d(8), torch::nn::Linear(8, 8));
  at::NoGradGuard guard;
  for (auto& p : net->named_parameters()) {
    p.value().set_data(at::empty(p.value().sizes(), at::kDouble));
    selfpred::copy_in(tenants::values(p.value().numel(), phase += 0.1), p.value());
  }
  for (auto& b : net->named_buffers())  // not net->to(kDouble), which would make the counter of batches a double too
    if (b.value().is_floating_point()) b.value().set_data(b.value().to(at::kDouble));
  return net;
}
Tensor unit(Tensor const& x) { return x / x.norm(2, 1, true); }

struct tied : torch::nn::Module {  // one weight under two names
  Tensor first = register_parameter("first", at::ones({4, 4}, at::kDouble));
  Tensor last = register_parameter("last", first);
};

}  // namespace

TEST_CASE("at::Tensor obeys every law") {
  for (auto type : {at::kDouble, at::kFloat})
    for (bool live : {false, true}) {
      auto const report =
          selfpred::testing::conformance(at::zeros({1, 1}, at::device(at::kCPU).dtype(type).requires_grad(live)));
      INFO(report.text());
      CHECK(report.passed());
      CHECK(report.capabilities.size() == 5);
    }
}

TEST_CASE("every predictor gives Eigen's numbers on at::Tensor") {
  auto const run = [](auto make_one, double tolerance) {
    tenants::every_rule_same_as_eigen<Tensor>(make_one, tolerance);
  };
  SECTION("double") {
    run([](auto const&... a) { return make(a...); }, 1e-12);
  }
  SECTION("float") { run(single, 1e-5); }
  SECTION("transposed") { run(transposed, 1e-12); }
  SECTION("every second row and column of a wider tensor") { run(sliced, 1e-12); }
  SECTION("live") {
    run([](auto const&... a) { return make(a...).requires_grad_(); }, 1e-12);
  }
}

TEST_CASE("operations write into views in place") {
  Tensor base = at::zeros({6, 9}, at::kDouble);
  Tensor x = make(3, 4, 0), y = base.slice(0, 0, 6, 2).slice(1, 1, 9, 2), z = base.slice(0, 1, 6, 2).slice(1, 0, 3).t();
  selfpred::copy(x, y);
  CHECK(at::equal(base.slice(0, 0, 6, 2).slice(1, 1, 9, 2), x));
  selfpred::axpby(2.0, x, -1.0, y);
  CHECK(distance(y, x) < 1e-15);
  selfpred::gemm(1.0, x, selfpred::op::none, x, selfpred::op::transpose, 0.0, z);
  CHECK(distance(base.slice(0, 1, 6, 2).slice(1, 0, 3).t(), x.mm(x.t())) < 1e-14);
  selfpred::axpby(1.0, z.t(), 1.0, z);  // one storage, another order
  CHECK(distance(z, 2 * x.mm(x.t())) < 1e-14);
}

TEST_CASE("an average of weight one takes the online value, even over a NaN") {
  Tensor const x = make(3, 4, 0);
  Tensor y = at::full({3, 4}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  selfpred::lerp(1.0, x, y);
  CHECK(at::equal(x, y));
}

TEST_CASE("handing on the gradient equals autograd on the loss written out") {
  auto net = network(0);
  Tensor const x1 = make(32, 5, 3), x2 = make(32, 5, 4), t1 = make(32, 8, 5), t2 = make(32, 8, 6);
  auto const gradients = [&] {
    std::vector<Tensor> all;
    for (auto const& p : net->parameters()) all.push_back(p.grad().clone());
    net->zero_grad();
    return all;
  };
  std::vector<Tensor> hand, automatic;
  auto const compare = [&] {
    REQUIRE(hand.size() == 6);
    for (std::size_t i = 0; i < hand.size(); ++i)  // the first bias has none: BatchNorm removes it
      if (i != 1) CHECK(distance(hand[i], automatic[i]) < 1e-12);
  };
  SECTION("of a closed-form predictor, which is a constant of the batch") {
    auto objective = selfpred::make_objective<Tensor>(selfpred::newton_schulz{}, {.alpha = 0.3});
    for (int k = 0; k < 2; ++k) {
      Tensor const z1 = net->forward(x1), z2 = net->forward(x2);
      auto const result = objective.step(z1, z2, stop_gradient(t1), stop_gradient(t2));
      z1.backward(result.gradient1);
      z2.backward(result.gradient2);
      hand = gradients();
      Tensor const p = objective.predictor();  // alpha I is in it
      Tensor const loss = ((unit(net->forward(x1).mm(p)) - unit(t2)).square().sum() +
                           (unit(net->forward(x2).mm(p)) - unit(t1)).square().sum()) /
                          32;
      loss.backward();
      automatic = gradients();
      CHECK(std::abs(result.loss - loss.item<double>()) < 1e-12 * result.loss);
      compare();
    }
  }
  SECTION("of a trainable predictor, which has a gradient of its own") {
    auto objective = selfpred::make_objective<Tensor>(selfpred::trainable_linear{});
    Tensor const p = make(8, 8, 7).requires_grad_(), z1 = net->forward(x1), z2 = net->forward(x2);
    auto const result = objective.step(z1, z2, stop_gradient(t1), stop_gradient(t2), p);
    z1.backward(result.gradient1);
    z2.backward(result.gradient2);
    hand = gradients();
    ((unit(net->forward(x1).mm(p)) - unit(t2)).square().sum() +
     (unit(net->forward(x2).mm(p)) - unit(t1)).square().sum())
        .div(32)
        .backward();
    automatic = gradients();
    compare();
    CHECK(distance(result.predictor_gradient, p.grad()) < 1e-12);
  }
}

TEST_CASE("nothing of the library's is recorded") {
  auto net = network(0), target_net = network(1);
  Tensor const x = make(16, 5, 2), z = net->forward(x), t = target_net->forward(x);
  REQUIRE(z.requires_grad());
  REQUIRE(t.requires_grad());
  auto const stopped = stop_gradient(t);
  CHECK_FALSE(stopped.get().requires_grad());
  CHECK(stopped.get().data_ptr() == t.data_ptr());  // no copy
  CHECK_FALSE(stop_gradient(stopped).get().requires_grad());

  auto objective = selfpred::make_objective<Tensor>(selfpred::linear_regression{.damping = 0.1});
  auto const result = objective.step(z, z, stopped, stopped);
  for (Tensor const& made : {result.gradient1, result.gradient2, objective.predictor(), selfpred::clone(z)})
    CHECK_FALSE(made.requires_grad());
  CHECK_FALSE(selfpred::filled(z, selfpred::shape(2, 2)).requires_grad());

  selfpred::ema_target target{net, target_net, selfpred::constant_momentum{0.9}, selfpred::buffer_policy::copy};
  for (int k = 0; k < 3; ++k) target.update(net);
  for (auto const& p : target_net->parameters()) {
    CHECK(p.is_leaf());
    CHECK_FALSE(p.grad_fn());
  }
  CHECK(at::GradMode::is_enabled());
  z.backward(result.gradient1);  // nothing that the graph has saved was written to
}

TEST_CASE("a target in the storage of online latents is refused") {
  Tensor const z1 = make(8, 4, 0).requires_grad_(), z2 = make(8, 4, 1), both = make(16, 4, 2);
  auto objective = selfpred::make_objective<Tensor>(selfpred::direct_copy{});
  auto const t = stop_gradient(make(8, 4, 3));
  CHECK_THROWS_AS(objective.step(z1, z2, stop_gradient(z1), t), selfpred::alias_error);
  CHECK_THROWS_AS(objective.step(z1, z2, stop_gradient(z1.detach()), t), selfpred::alias_error);
  CHECK_THROWS_AS(objective.step(z1, z2, t, stop_gradient(z2.t().t())), selfpred::alias_error);
  auto const halves = both.chunk(2, 0);  // views of one storage that are apart
  CHECK_FALSE(selfpred::overlaps(halves[0], halves[1]));
  CHECK(selfpred::overlaps(both, halves[1]));
  CHECK_FALSE(selfpred::overlaps(both, both.slice(0, 3, 3)));
  CHECK_NOTHROW(objective.step(halves[0], z2, stop_gradient(halves[1]), t));
}

TEST_CASE("libtorch's silent conveniences are errors") {
  Tensor x = make(3, 4, 0), row = make(1, 4, 1), y = make(3, 4, 2), square = make(4, 4, 3), none;
  CHECK_THROWS_AS(selfpred::copy(row, y), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::axpby(1.0, row, 1.0, y), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::lerp(0.5, row, y), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::dot(x, x.t()), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::normalize_rows(1e-12, row, y), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::scale_rows(row, x, y), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::gemm(1.0, x, selfpred::op::none, square, selfpred::op::none, 0.0, square),
                  selfpred::shape_error);
  std::vector<double> few(3);
  CHECK_THROWS_AS(selfpred::copy_out(x, few), selfpred::shape_error);
  CHECK_THROWS_AS(selfpred::copy_in(few, x), selfpred::shape_error);
  CHECK_THROWS_WITH(selfpred::copy(row, y), ContainsSubstring("copy: y is 3 x 4, expected 1 x 4"));

  CHECK_THROWS_AS(selfpred::shape_of(none), selfpred::state_error);
  CHECK_THROWS_WITH(stop_gradient(none), ContainsSubstring("undefined"));
  auto objective = selfpred::make_objective<Tensor>(selfpred::direct_copy{});
  CHECK_THROWS_AS(objective.step(x, none, stop_gradient(y), stop_gradient(y)), selfpred::state_error);
}

TEST_CASE("a singular S and latents that are not finite are named") {
  auto objective = selfpred::make_objective<Tensor>(selfpred::linear_regression{});
  auto const t = stop_gradient(make(8, 4, 0));
  Tensor const flat = at::ones({8, 4}, at::kDouble), z = make(8, 4, 1);
  CHECK_THROWS_AS(objective.step(flat, flat, t, t), selfpred::domain_error);
  CHECK_THROWS_AS(objective.step(z, z * std::numeric_limits<double>::quiet_NaN(), t, t), selfpred::non_finite_error);
  CHECK(objective.step() == 0);
  CHECK_NOTHROW(objective.step(z, z, t, t));
}

TEST_CASE("an objective resumes bit by bit") {
  Tensor const z1 = make(8, 4, 0), z2 = make(8, 4, 1);
  auto const t1 = stop_gradient(make(8, 4, 2)), t2 = stop_gradient(make(8, 4, 3));
  auto one = selfpred::make_objective<Tensor>(selfpred::newton_schulz{}, {.alpha = 0.3});
  auto other = selfpred::make_objective<Tensor>(selfpred::newton_schulz{}, {.alpha = 0.3});
  one.step(z1, z2, t1, t2);
  other.restore(one.state(), z1);
  auto const r = one.step(z2, z1, t1, t2), s = other.step(z2, z1, t1, t2);
  CHECK(r.loss == s.loss);
  CHECK(at::equal(r.gradient1, s.gradient1));
  CHECK(other.status().predictor_norm > 0);
}

TEST_CASE("an EMA target of modules") {
  auto online = network(0), slow = network(1);
  SECTION("copying a handle is refused, with the remedy") {
    CHECK_THROWS_AS((selfpred::ema_target{online, selfpred::constant_momentum{0.9}, selfpred::buffer_policy::copy}),
                    selfpred::alias_error);
    CHECK_THROWS_WITH(
        (selfpred::ema_target{online, selfpred::constant_momentum{0.9}, selfpred::buffer_policy::copy}),
        ContainsSubstring("ema_target{online, target, schedule, policy}") && ContainsSubstring("'0.weight'"));
  }
  SECTION("the target takes the online values, and then follows") {
    selfpred::ema_target target{online, slow, selfpred::constant_momentum{0.75}, selfpred::buffer_policy::average};
    CHECK(at::equal(slow->parameters()[0], online->parameters()[0]));
    Tensor const before = slow->parameters()[0].detach().clone();
    target.update(online);
    CHECK(at::equal(slow->parameters()[0], before));  // a standing network is an exact fixed point
    {
      at::NoGradGuard guard;
      online->parameters()[0].add_(4);
    }
    for (int k = 0; k < 3; ++k) online->forward(make(16, 5, k));  // running statistics and their counter move
    target.update(online);
    CHECK(distance(slow->parameters()[0], before + 1) < 1e-15);
    auto const mean = slow->named_buffers()["1.running_mean"], online_mean = online->named_buffers()["1.running_mean"];
    CHECK(distance(mean, 0.25 * online_mean) < 1e-15);
    auto const counter = slow->named_buffers()["1.num_batches_tracked"];
    CHECK(counter.item<std::int64_t>() == 3);  // integral: copied, whatever the policy
    CHECK(target.model().ptr() == slow.ptr());
  }
  SECTION("policies of buffers") {
    for (auto policy : {selfpred::buffer_policy::copy, selfpred::buffer_policy::keep}) {
      selfpred::ema_target target{online, slow, selfpred::constant_momentum{0.75}, policy};
      auto const kept = slow->named_buffers()["1.running_mean"].clone();
      online->forward(make(16, 5, 2));
      target.update(online);
      auto const& expected = policy == selfpred::buffer_policy::keep ? kept : online->named_buffers()["1.running_mean"];
      CHECK(at::equal(slow->named_buffers()["1.running_mean"], expected));
    }
  }
  SECTION("another network is refused") {
    torch::nn::Sequential shorter(torch::nn::Linear(5, 8)),
        wider(torch::nn::Linear(5, 8), torch::nn::BatchNorm1d(8), torch::nn::Linear(8, 9));
    shorter->to(at::kDouble), wider->to(at::kDouble);
    auto const pair = [&](auto const& target) {
      selfpred::ema_target{online, target, selfpred::constant_momentum{0.9}, selfpred::buffer_policy::copy};
    };
    CHECK_THROWS_AS(pair(shorter), selfpred::shape_error);
    CHECK_THROWS_WITH(pair(wider), ContainsSubstring("'2.weight' is 8 x 8, expected 9 x 8"));
  }
  SECTION("parameters in half precision are refused: an average in them stands still") {
    torch::nn::Linear half(2, 2), other(2, 2);
    half->to(at::kHalf), other->to(at::kHalf);
    CHECK_THROWS_AS(
        (selfpred::ema_target{half, other, selfpred::constant_momentum{0.9}, selfpred::buffer_policy::copy}),
        selfpred::domain_error);
  }
}

TEST_CASE("modules, holders and shared pointers are models; tied weights are averaged once") {
  auto online = std::make_shared<tied>(), slow = std::make_shared<tied>();
  std::vector<std::string> names;
  selfpred::for_each_parameter(*slow, [&](std::string const& name, auto const&) { names.push_back(name); });
  CHECK(names == std::vector<std::string>{"first"});

  selfpred::ema_target target{online, slow, selfpred::constant_momentum{0.75}, selfpred::buffer_policy::copy};
  {
    at::NoGradGuard guard;
    online->last.fill_(5);
  }
  target.update(online);
  CHECK(at::equal(slow->last, at::full({4, 4}, 2.0, at::kDouble)));
  selfpred::ema_target by_value{*online, *slow, selfpred::constant_momentum{0.5}, selfpred::buffer_policy::copy};
  CHECK(at::equal(slow->first, online->first));
}

TEST_CASE("leaves without extents, and maps of tensors") {
  std::map<std::string, Tensor> online{{"scale", at::full({}, 5.0, at::kDouble)}, {"w", make(2, 3, 0)}}, slow = online;
  for (auto& [name, x] : slow) x = at::zeros_like(x);
  selfpred::ema_target target{online, slow, selfpred::constant_momentum{0.75}};
  CHECK(slow["scale"].item<double>() == 5);
  online["scale"].fill_(9);
  target.update(online);
  CHECK(slow["scale"].item<double>() == 6);
  CHECK(selfpred::shape_of(slow["scale"]).rank == 0);
}

TEST_CASE("complaint 11: online and target on different devices, or of different types", "[torch][complaint]") {
  std::map<std::string, Tensor> online{{"a", make(2, 2, 0)}, {"w", make(2, 3, 1)}}, slow;
  for (auto const& [name, x] : online) slow[name] = at::zeros_like(x);
  auto const elsewhere = at::empty({2, 3}, at::device(at::kMeta).dtype(at::kDouble));  // a device without memory
  auto wrong = slow;
  wrong["w"] = elsewhere;
  CHECK_THROWS_WITH(
      (selfpred::ema_target{online, wrong, selfpred::constant_momentum{0.5}}),
      ContainsSubstring("the online tensor 'w': a torch tensor is Double on cpu, expected Double on meta"));
  wrong["w"] = slow["w"].to(at::kFloat);
  CHECK_THROWS_WITH((selfpred::ema_target{online, wrong, selfpred::constant_momentum{0.5}}),
                    ContainsSubstring("a torch tensor is Double on cpu, expected Float on cpu"));
  selfpred::ema_target target{online, slow, selfpred::constant_momentum{0.5}};
  Tensor const before = slow["a"].clone();
  online["a"] += 1;
  for (auto const& moved : {elsewhere, online["w"].to(at::kFloat)}) {
    auto changed = online;
    changed["w"] = moved;
    CHECK_THROWS_AS(target.update(changed), selfpred::domain_error);
    CHECK(at::equal(slow["a"], before));  // the first tensor fits, but nothing was written
    CHECK(target.step() == 0);
  }
  target.update(online);
  CHECK(distance(slow["a"], before + 0.5) < 1e-15);
}

#if __has_include(<nlohmann/json.hpp>)
TEST_CASE("checkpoints hold tensors in the types that they have at run time, bit for bit", "[torch][checkpoint]") {
  namespace sp = selfpred;
  selfpred_tests::folder const at;
  std::map<std::string, Tensor> all;
  std::int64_t const large = (std::int64_t{1} << 53) + 1;
  all["i64"] = at::tensor(std::vector<std::int64_t>{large, -large, std::numeric_limits<std::int64_t>::max()});
  all["bool"] = at::tensor(std::vector<int>{1, 0, 1}).to(at::kBool);
  all["f64"] = make({0.1, 1e-310, -0.0, std::numeric_limits<double>::infinity()}, 2, 2);
  all["f32"] = make(5, 4, 1).to(at::kFloat).t().slice(0, 0, 4, 2);  // strided
  all["bf16"] = make(3, 3, 2).to(at::kBFloat16);
  all["f16"] = make(3, 3, 2).to(at::kHalf);
  all["u8"] = at::tensor(std::vector<int>{0, 255}).to(at::kByte);
  all["scalar"] = at::full({}, 3.25, at::kFloat);
  all["empty"] = at::zeros({0, 3}, at::kFloat);
  sp::save_safetensors(at / "x", all);
  auto const index = sp::read_safetensors_index(sp::input_file(at / "x"));
  for (auto const& [name, type] : std::map<std::string, sp::dtype>{{"i64", sp::dtype::i64},
                                                                   {"bool", sp::dtype::boolean},
                                                                   {"f32", sp::dtype::f32},
                                                                   {"bf16", sp::dtype::bf16},
                                                                   {"f16", sp::dtype::f16},
                                                                   {"u8", sp::dtype::u8}})
    CHECK(index.tensors.at(name).type == type);
  auto again = all;
  for (auto& [name, x] : again) x = at::zeros_like(x);
  Tensor const wide = at::zeros({8, 5}, at::kFloat);
  again["f32"] = wide.slice(0, 0, 8, 4);  // other strides
  sp::load_safetensors(at / "x", again);
  for (auto const& [name, x] : all) {
    INFO(name);
    CHECK(at::equal(again[name], x));
  }
  CHECK(wide[1].abs().sum().item<float>() == 0);
  again["f64"] = again["f64"].to(at::kFloat);
  CHECK_THROWS_WITH(sp::load_safetensors(at / "x", again),
                    ContainsSubstring("the dtype of 'f64' is F64, expected F32"));
  all["c"] = at::zeros({2}, at::kComplexFloat);
  CHECK_THROWS_WITH(sp::save_safetensors(at / "x", all), ContainsSubstring("ComplexFloat"));
}

TEST_CASE("a run of modules goes on from its checkpoint bit for bit", "[torch][checkpoint]") {
  namespace sp = selfpred;
  selfpred_tests::folder const at;
  struct run {
    torch::nn::Sequential online = network(0), slow = network(1);
    sp::ema_target<torch::nn::Sequential, sp::cosine_momentum> target{
        online, slow, {.base = 0.9, .steps = 50}, sp::buffer_policy::copy};
    sp::objective<Tensor, sp::newton_schulz> objective{sp::newton_schulz{}, {.alpha = 0.3}};
    Tensor like = at::zeros({1, 1}, at::kDouble);
    sp::placed<decltype(objective), Tensor> predictor{objective, like};
    double step(int k) {
      Tensor const z1 = online->forward(make(16, 5, k)), z2 = online->forward(make(16, 5, k + 0.5));
      Tensor const t1 = slow->forward(make(16, 5, k)), t2 = slow->forward(make(16, 5, k + 0.5));
      auto const r = objective.step(z1, z2, stop_gradient(t1), stop_gradient(t2));
      online->zero_grad();
      z1.backward(r.gradient1), z2.backward(r.gradient2);
      at::NoGradGuard const guard;
      for (auto& p : online->parameters()) p.sub_(p.grad(), 0.01);
      target.update(online);
      return r.loss;
    }
    auto parts() {
      return std::tuple{sp::named{"online", online}, sp::named{"target", target}, sp::named{"objective", predictor}};
    }
  };
  run whole, resumed;
  for (int k = 0; k < 3; ++k) whole.step(k);
  sp::save_checkpoint(at / "x", whole.parts());
  sp::load_checkpoint(at / "x", resumed.parts());
  CHECK(resumed.target.step() == 3);
  for (int k = 3; k < 6; ++k) CHECK(whole.step(k) == resumed.step(k));
  for (std::size_t i = 0; i < whole.online->parameters().size(); ++i) {
    CHECK(at::equal(whole.online->parameters()[i], resumed.online->parameters()[i]));
    CHECK(at::equal(whole.slow->parameters()[i], resumed.slow->parameters()[i]));
  }
  CHECK(resumed.slow->named_buffers()["1.num_batches_tracked"].item<std::int64_t>() ==
        whole.slow->named_buffers()["1.num_batches_tracked"].item<std::int64_t>());
}
#endif
