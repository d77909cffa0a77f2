// SPDX-License-Identifier: MIT
// Parts by their members alone: objects that have what ema_target and objective have, and more of it.
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/schedule/constant.hpp>

#include "checkpoint/folder.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;

namespace {

// An objective with a state of each view, and averages of statistics.
struct views {
  struct state_type {
    std::int64_t step = 0, refreshes = 0;
    double momentum_product = 1;
    sp::index size = 0;
    std::vector<double> average = {};
    double statistics_product = 1;
    std::vector<double> covariance = {}, cross = {};
    bool operator==(state_type const&) const = default;
  };
  struct options_type {
    double alpha = 0.3;
    bool per_direction = true;
  };
  std::vector<state_type> all{1};
  options_type mine = {};
  sp::host_array<float> p;

  options_type const& options() const { return mine; }
  sp::host_array<float> const& predictor() const { return p; }
  state_type state(std::size_t i = 0) const {
    if (i >= all.size()) throw sp::state_error("no such view");
    return all[i];
  }
  void restore(state_type const& s, sp::host_array<float> const&, std::size_t i = 0) {
    if (i > all.size()) throw sp::state_error("views in order");
    if (s.step == 13) throw sp::domain_error("a state that no run can have");
    if (i == all.size()) all.emplace_back();
    all[i] = s;
  }
};

// A target whose average is in a float shadow, and which counts what asks for its model.
struct shadowed {
  sp::host_array<std::int16_t> weights{sp::shape(1, 2)};
  sp::host_array<float> own{sp::shape(1, 2)};
  std::int64_t k = 0;
  sp::host_array<std::int16_t>& model() { return weights; }
  sp::constant_momentum schedule() const { return {0.9}; }
  std::int64_t step() const { return k; }
  void step(std::int64_t s) { k = s; }
  template <class F>
  void for_each_shadow(F f) {
    f(std::string(), sp::strided<float>(sp::detail::operand(own)));
  }
};

}  // namespace

TEST_CASE("state: an objective with a predictor of each view, into one that has not begun", "[checkpoint]") {
  folder const at;
  views a, b;
  a.all = {{4, 4, 0.5, 2, {1, 2, 3, 4}, 0.25, {5, 6, 7, 8}, {}},
           {4, 4, 0.5, 2, {4, 3, 2, 1}, 0.1, {8, 7, 6, 5}, {1, 2, 3, 0.1}},
           {4, 2, 0.5, 1, {9}, 1, {}, {}}};
  sp::save_checkpoint(at / "x", sp::named{"o", a});
  sp::load_checkpoint(at / "x", sp::named{"o", b});
  CHECK(a.all == b.all);
  CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).tensors.contains("o.view1.cross"));

  views c, before;
  before.all = c.all = {{1, 1, 0.5, 1, {1}, 1, {}, {}}, {1, 1, 0.5, 1, {2}, 1, {}, {}}};
  a.all[2].step = 13;
  sp::save_checkpoint(at / "x", sp::named{"o", a});
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{"o", c}),
                    ContainsSubstring("x: a state that no run can have"));
  CHECK((c.all[0] == before.all[0] && c.all[1] == before.all[1]));
}

TEST_CASE("state: a float shadow is state", "[checkpoint]") {
  folder const at;
  shadowed a, b;
  a.own.values = {0.1f, 1e-30f}, a.weights.values = {7, -7}, a.k = 3;
  sp::save_checkpoint(at / "x", sp::named{"t", a});
  sp::load_checkpoint(at / "x", sp::named{"t", b});
  CHECK((b.own.values == a.own.values && b.weights.values == a.weights.values && b.k == 3));
  CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).tensors.at("t.shadow").type == sp::dtype::f32);
}
