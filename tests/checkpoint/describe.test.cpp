// SPDX-License-Identifier: MIT
#include <limits>
#include <selfpred/checkpoint/describe.hpp>
#include <selfpred/selfpred.hpp>
#include <set>

#include "support/catch.hpp"

namespace sp = selfpred;

namespace theirs {
struct schedule {
  int hidden = 3;
};
void to_json(nlohmann::json& j, schedule const& s) { j = {{"hidden", s.hidden}}; }
struct silent {
  int hidden = 3;
};
struct nested {
  sp::cosine_momentum base;
  std::optional<double> c;
};
}  // namespace theirs

TEST_CASE("describe: options by name, in one line", "[checkpoint]") {
  CHECK(sp::describe(sp::cosine_momentum{.base = 0.996, .steps = 7}).dump() ==
        R"({"type":"cosine_momentum","base":0.996,"end":1.0,"steps":7})");
  CHECK(
      sp::describe(sp::newton_schulz{.iterations = 9}).dump().starts_with(R"({"type":"newton_schulz","iterations":9)"));
  CHECK(sp::describe(sp::direct_copy{}).dump() == R"({"type":"direct_copy"})");
  CHECK(sp::describe(theirs::schedule{}).dump() == R"({"hidden":3})");
  CHECK(sp::describe(theirs::silent{}).dump() == R"({"type":"silent"})");
  CHECK(sp::describe(theirs::nested{}).dump() ==
        R"({"type":"nested","c":null,"base":{"type":"cosine_momentum","base":0.99,"end":1.0,"steps":1}})");
  CHECK(sp::describe([](std::int64_t) { return 1.0; }).dump() == R"({"type":"lambda"})");
  sp::objective_options a, b;
  b.loss.rows = sp::reduction::sum;
  CHECK(sp::describe(a) != sp::describe(b));
  b = a, b.loss.epsilon = 1e-6;
  CHECK(sp::describe(a) != sp::describe(b));
  b = a, b.rescale = sp::rescaling::spectral;
  CHECK(sp::describe(a) != sp::describe(b));
}

TEST_CASE("describe: every member of every rule is told apart", "[checkpoint]") {
  auto const apart = [](auto... rules) {
    std::set<std::string> all;
    (all.insert(sp::describe(rules).dump()), ...);
    CHECK(all.size() == sizeof...(rules));
  };
  using d = sp::direct_pred;
  apart(sp::newton_schulz{}, sp::newton_schulz{.iterations = 7}, sp::newton_schulz{.stages = 2}, sp::stiefel{},
        sp::stiefel{.iterations = 7}, sp::visser{}, sp::visser{.iterations = 7}, sp::visser{.c = 0.1},
        sp::visser{.eta = 0.5}, sp::visser{.eta = 0.25}, sp::neumann{}, sp::neumann{.scale = sp::neumann_scale::sum},
        sp::neumann{.normalise_rows = false}, d{}, d{.exponent = 1}, d{.relative = true}, d{.eps = 0.1},
        d{.floor = 0.1}, d{.statistics_momentum = 0.3}, d::published(), sp::direct_copy{}, sp::linear_regression{},
        sp::linear_regression{.damping = 0.1}, sp::trainable_linear{},
        sp::newton_schulz{.evaluate = sp::evaluation::rational(1e-4)},
        sp::newton_schulz{.evaluate = sp::evaluation::rational(3e-4)},
        sp::newton_schulz{.evaluate = sp::evaluation::gram(3e-4)}, sp::stiefel{.evaluate = sp::evaluation::iteration()},
        sp::visser{.evaluate = sp::evaluation::iteration()}, d{.evaluate = sp::evaluation::automatic()},
        sp::by_eigh{sp::newton_schulz{}}, sp::by_eigh{sp::newton_schulz{.iterations = 7}});
  auto const trainable = sp::make_objective<sp::host_array<float>>(sp::trainable_linear{});
  CHECK(sp::describe(trainable.rule()).dump() == R"({"type":"trainable_linear"})");
}

TEST_CASE("describe: two descriptions part at a member", "[checkpoint]") {
  auto const part = [](auto const& a, auto const& b) {
    return sp::detail::first_difference(sp::describe(a).dump(), sp::describe(b).dump());
  };
  CHECK(part(sp::visser{.iterations = 7}, sp::visser{}) == R"(`"iterations":7`, expected `"iterations":50`)");
  CHECK(part(sp::visser{.eta = 0.5}, sp::visser{}) == R"(`"eta":0.5`, expected `"eta":null`)");
  CHECK(part(sp::stiefel{}, sp::direct_copy{}) == R"(`"type":"stiefel"`, expected `"type":"direct_copy"`)");
  CHECK(sp::detail::first_difference("0.5", "0.25") == "`0.5`, expected `0.25`");
  CHECK(sp::detail::first_difference("", "{}") == "``, expected `{`");
  CHECK(sp::detail::first_difference("{}", "") == "`{`, expected ``");
}

TEST_CASE("describe: the text of a number is read as the same number", "[checkpoint]") {
  for (double x : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 0.99 * 0.99 * 0.99})
    CHECK(std::strtod(sp::detail::number_text(x).c_str(), nullptr) == x);
  CHECK(sp::detail::number_text(std::numeric_limits<double>::infinity()) == "inf");
}
