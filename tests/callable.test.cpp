// SPDX-License-Identifier: MIT
#include <functional>
#include <memory>
#include <selfpred/algorithm.hpp>
#include <selfpred/callable.hpp>
#include <string>

#include "support/catch.hpp"

namespace sp = selfpred;

namespace {

int twice(int x) { return 2 * x; }

// What is copied and destroyed is counted by the owners of one int.
auto counting(std::shared_ptr<int> const& shared) {
  return [shared](int x) { return *shared += x; };
}

}  // namespace

TEST_CASE("callable: holds what std::function holds", "[callable]") {
  sp::callable<int(int)> f = [](int x) { return x + 1; };
  CHECK((f && f(1) == 2));
  f = twice;
  CHECK(f(3) == 6);
  f = std::function<int(int)>(twice);
  CHECK(f(4) == 8);
  f = [calls = 0](int) mutable { return ++calls; };
  f(0);
  CHECK(f(0) == 2);
  sp::callable<void(std::string, std::string&)> const append = [](std::string x, std::string& to) { return to += x; };
  std::string text = "a";
  append("b", text);
  CHECK(text == "ab");
  sp::callable<std::size_t(std::unique_ptr<int>)> const take = [](std::unique_ptr<int> p) { return p ? 1u : 0u; };
  CHECK(take(std::make_unique<int>()) == 1);
}

TEST_CASE("callable: nothing makes an empty one", "[callable]") {
  using f = sp::callable<int(int)>;
  int (*none)(int) = nullptr;
  CHECK_FALSE(f());
  CHECK_FALSE(f(nullptr));
  CHECK_FALSE(f(none));
  CHECK_FALSE(f(std::function<int(int)>()));
  CHECK_FALSE(f(f()));
  f g = twice;
  g = {};
  CHECK_FALSE(g);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<f, int (*)(std::string)>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<f, std::unique_ptr<int>>);
}

TEST_CASE("callable: copies own their state, and all of it is destroyed", "[callable]") {
  auto const shared = std::make_shared<int>(0);
  {
    sp::callable<int(int)> a = counting(shared), b = a, c;
    CHECK(shared.use_count() == 3);
    c = b, c = *&c;
    CHECK(shared.use_count() == 4);
    c = std::move(b);
    CHECK(shared.use_count() == 3);
    CHECK_FALSE(b);
    CHECK((a(1) == 1 && c(2) == 3));
    a = nullptr;
    CHECK(shared.use_count() == 2);
    sp::callable<int(int)> count = [n = 0](int x) mutable { return n += x; }, copy = count;
    CHECK((count(1) == 1 && count(1) == 2 && copy(5) == 5));
  }
  CHECK(shared.use_count() == 1);
}

TEST_CASE("min, max, clamp and copy_n are std's", "[callable]") {
  namespace d = sp::detail;
  double const nan = std::nan("");
  CHECK((d::min(1, 2) == 1 && d::min(2, 1) == 1 && d::max(1, 2) == 2 && d::max(2, 1) == 2));
  CHECK(
      (d::max(1.0, nan) == 1 && std::isnan(d::max(nan, 1.0)) && d::min(1.0, nan) == 1 && std::isnan(d::min(nan, 1.0))));
  CHECK((std::signbit(d::max(-0.0, 0.0)) && !std::signbit(d::min(0.0, -0.0))));
  CHECK((d::clamp(0, 1, 3) == 1 && d::clamp(2, 1, 3) == 2 && d::clamp(4, 1, 3) == 3 &&
         std::isnan(d::clamp(nan, 0.0, 1.0))));
  std::string const from[3] = {"a", "b", "c"};
  std::string to[3];
  d::copy_n(from, 2, to);
  CHECK((to[0] == "a" && to[1] == "b" && to[2].empty()));
  int const x[3] = {1, 2, 3};
  int y[3] = {};
  d::copy_n(x, 2, y), d::copy_n(static_cast<int const*>(nullptr), 0, y);
  CHECK((y[0] == 1 && y[1] == 2 && y[2] == 0));
}
