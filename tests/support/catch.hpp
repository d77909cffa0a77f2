// SPDX-License-Identifier: MIT
// catch.hpp: Catch2 3 or 2, whichever there is; tests write the names of Catch2 3. Approx is not among them: it does not compile in both.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#else
#include <catch2/catch.hpp>

namespace Catch::Matchers {
inline auto ContainsSubstring(std::string const& text, CaseSensitive::Choice sensitive = CaseSensitive::Yes) {
  return Contains(text, sensitive);
}
}  // namespace Catch::Matchers
#endif
