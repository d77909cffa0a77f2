// SPDX-License-Identifier: MIT
#include <limits>
#include <selfpred/checkpoint/describe.hpp>
#include <selfpred/selfpred.hpp>

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

TEST_CASE("describe: the text of a number is read as the same number", "[checkpoint]") {
  for (double x : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 0.99 * 0.99 * 0.99})
    CHECK(std::strtod(sp::detail::number_text(x).c_str(), nullptr) == x);
  CHECK(sp::detail::number_text(std::numeric_limits<double>::infinity()) == "inf");
}
