// SPDX-License-Identifier: MIT
#include <complex>
#include <map>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/strided/operations.hpp>

#include "support/catch.hpp"
#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using matrix = sp::host_array<float>;
using sp::leaf_policy;

namespace {

struct network {
  matrix w = matrix(sp::shape(2, 2), 1), head = matrix(sp::shape(1, 2), 1);
  matrix running_mean = matrix(sp::shape(1, 2), 1), running_var = matrix(sp::shape(1, 2), 1);
  std::int64_t seen = 1;
};
auto parameters(network& n) { return std::tuple{sp::named{"w", n.w}, sp::named{"head", n.head}}; }
auto buffers(network& n) {
  return std::tuple{sp::named{"bn.running_mean", n.running_mean}, sp::named{"bn.running_var", n.running_var},
                    sp::named{"bn.seen", n.seen}};
}
network filled_with(float x) {
  network n;
  for (matrix* m : {&n.w, &n.head, &n.running_mean, &n.running_var}) std::fill(m->values.begin(), m->values.end(), x);
  n.seen = static_cast<std::int64_t>(x);
  return n;
}
auto target_of(sp::leaf_policies policies) {
  return sp::ema_target{network(), sp::constant_momentum{0.5}, sp::ema_options{.leaves = std::move(policies)}};
}
std::vector<double> leaves(network const& n) {
  return {n.w.values[0], n.head.values[0], n.running_mean.values[0], n.running_var.values[0], double(n.seen)};
}

}  // namespace

TEST_CASE("leaf_policies: by role", "[ema]") {
  network const online = filled_with(5);
  auto const after = [&](leaf_policy p) {
    auto t = target_of(p);
    t.update(online);
    return leaves(t.model());
  };
  CHECK(after(leaf_policy::copy) == std::vector<double>{3, 3, 5, 5, 5});
  CHECK(after(leaf_policy::average) == std::vector<double>{3, 3, 3, 3, 5});  // an integer is copied
  CHECK(after(leaf_policy::keep) == std::vector<double>{3, 3, 1, 1, 1});
  CHECK(after(leaf_policy::skip) == std::vector<double>{3, 3, 1, 1, 1});
}

TEST_CASE("leaf_policies: by name and by predicate, the last rule wins", "[ema]") {
  network const online = filled_with(5);
  auto t = target_of(
      sp::leaf_policies(leaf_policy::copy)
          .name("bn.*", leaf_policy::keep)
          .name("*.running_var", leaf_policy::average)
          .where([](sp::leaf_info const& l) { return l.role == sp::leaf_role::parameter && l.shape.rows() == 1; },
                 leaf_policy::copy));
  t.update(online);
  CHECK(leaves(t.model()) == std::vector<double>{3, 5, 1, 3, 1});
  auto integers = target_of(
      sp::leaf_policies(leaf_policy::keep).where([](auto const& l) { return l.integral; }, leaf_policy::copy));
  integers.update(online);
  CHECK(leaves(integers.model()) == std::vector<double>{3, 3, 1, 1, 5});
}

TEST_CASE("leaf_policies: a buffer without a policy, a rule without a leaf", "[ema]") {
  CHECK_THAT(thrown<sp::state_error>([] { target_of({}); }),
             ContainsSubstring("the buffer 'bn.running_mean' has no policy, expected copy, average, keep or skip"));
  CHECK_THAT(thrown<sp::state_error>([] { target_of(sp::leaf_policies().name("*mean", leaf_policy::copy)); }),
             ContainsSubstring("the buffer 'bn.running_var' has no policy"));
  CHECK_NOTHROW(target_of(sp::leaf_policies().name("bn.*", leaf_policy::copy)));
  CHECK(thrown<sp::domain_error>([] {
          target_of(sp::leaf_policies(leaf_policy::copy).name("bn.runing_*", leaf_policy::keep));
        }) == "ema_target: the name of a policy is 'bn.runing_*', expected the name of a tensor of the model");
}

TEST_CASE("leaf_policies: patterns", "[ema]") {
  auto const found = [](std::string pattern, std::string_view name) {
    return sp::leaf_policies()
               .name(std::move(pattern), leaf_policy::skip)
               .of({name, sp::leaf_role::parameter, {}, false}) == leaf_policy::skip;
  };
  CHECK(found("a", "a"));
  CHECK(found("*", ""));
  CHECK(found("*", "x.y"));
  CHECK(found("layers.*.w", "layers.10.w"));
  CHECK(found("*.w*", "a.w.w2"));
  CHECK(found("a*b*c", "aXbYbZc"));
  CHECK_FALSE(found("a", "ab"));
  CHECK_FALSE(found("", "a"));
  CHECK_FALSE(found("layers.*.w", "layers.10.w2"));
  CHECK_FALSE(found("a*b*c", "aXbYbZ"));
}

TEST_CASE("skip: the leaf is no part of the target, whatever its shape", "[ema]") {
  auto t = target_of(sp::leaf_policies(leaf_policy::copy).name("head", leaf_policy::skip));
  network online = filled_with(5);
  online.head = matrix(sp::shape(3, 7), 9);
  t.update(online);
  CHECK(leaves(t.model()) == std::vector<double>{3, 1, 5, 5, 5});
  auto kept = target_of(sp::leaf_policies(leaf_policy::copy).name("head", leaf_policy::keep));
  CHECK_THAT(thrown<sp::shape_error>([&] { kept.update(online); }),
             ContainsSubstring("'head' is 3 x 7, expected 1 x 2"));
}

TEST_CASE("leaves added or missing are named, and nothing is written", "[ema]") {
  std::map<std::string, matrix> online{{"a", matrix(sp::shape(1, 1), 1)}, {"b", matrix(sp::shape(1, 1), 1)}};
  sp::ema_target target{online, sp::constant_momentum{0.5}};
  online["a"].values[0] = 3;
  auto grown = online;
  grown["aa"] = grown["a"];
  CHECK_THAT(thrown<sp::shape_error>([&] { target.update(grown); }), ContainsSubstring("the online model adds 'aa'"));
  auto shrunk = online;
  shrunk.erase("b");
  CHECK_THAT(thrown<sp::shape_error>([&] { target.update(shrunk); }), ContainsSubstring("the online model lacks 'b'"));
  auto renamed = shrunk;
  renamed["c"] = online["b"];
  CHECK_THAT(thrown<sp::shape_error>([&] { target.update(renamed); }), ContainsSubstring("adds 'c' and lacks 'b'"));
  CHECK(target.model().at("a").values[0] == 1);
  CHECK(target.step() == 0);
  std::vector<matrix> list(2, matrix(sp::shape(1, 1), 1));
  sp::ema_target listed{list, sp::constant_momentum{0.5}};
  list.resize(3, list[0]);
  CHECK_THAT(thrown<sp::shape_error>([&] { listed.update(list); }), ContainsSubstring("adds '2'"));
  listed.model() = list;  // a target that the caller has made longer
  CHECK_THAT(thrown<sp::shape_error>([&] { listed.update(list); }), ContainsSubstring("the number of tensors"));
}

TEST_CASE("complex leaves are averaged, with a real weight", "[ema]") {
  using number = std::complex<float>;
  sp::host_array<number> online(sp::shape(1, 3), number(1, -1));
  sp::ema_target target{online, sp::constant_momentum{0.75}};
  online.values = {{5, 3}, {1, -1}, {-3, 7}};
  target.update(online);
  CHECK(target.model().values == std::vector<number>{{2, 0}, {1, -1}, {0, 1}});
  std::vector<sp::host_array<std::complex<double>>> wide(2, sp::host_array<std::complex<double>>(sp::shape(2, 2), 1));
  sp::ema_target of_double{wide, sp::constant_momentum{0.5}};
  wide[1].values[3] = {3, 4};
  of_double.update(wide);
  CHECK(of_double.model()[1].values[3] == std::complex<double>(2, 2));
}
