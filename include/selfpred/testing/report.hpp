// SPDX-License-Identifier: MIT
// What a run of the laws found, and the plain arithmetic that it compares with.
#pragma once
#include <cmath>
#include <selfpred/view.hpp>
#include <string>
#include <vector>

namespace selfpred::testing {

struct violation {
  int law;
  std::string what;
};

struct conformance_report {
  std::vector<violation> violations;
  std::vector<std::string> capabilities;  ///< rungs and capabilities that the type has
  std::vector<std::string> defaults;      ///< optional operations that it inherits

  bool passed() const { return violations.empty(); }
  std::string text() const {
    std::string s = passed() ? "conformance: every law holds\n" : "conformance: broken laws\n";
    for (auto const& v : violations) s += "  law " + std::to_string(v.law) + ": " + v.what + "\n";
    auto const list = [&](char const* head, std::vector<std::string> const& names) {
      s += head;
      for (auto const& n : names) s += " " + n;
      s += "\n";
    };
    list("  capabilities:", capabilities);
    list("  defaults in use:", defaults);
    return s;
  }
};

namespace detail {

/// Deterministic values between -1 and 1, exact in any binary floating type of 8 bits of significand.
inline std::vector<double> sample(index n, unsigned seed) {
  std::vector<double> v(static_cast<std::size_t>(n));
  for (auto& x : v) {
    seed = seed * 1664525u + 1013904223u;
    x = (static_cast<double>(seed >> 24) - 127.5) / 128;
  }
  return v;
}

inline bool near(double x, double y, double relative) { return std::abs(x - y) <= relative * (1 + std::abs(y)); }
inline std::vector<double> combined(double a, std::vector<double> const& x, double b, std::vector<double> const& y) {
  auto z = x;
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = a * x[i] + b * y[i];
  return z;
}
inline double inner(std::vector<double> const& x, std::vector<double> const& y) {
  double s = 0;
  for (std::size_t i = 0; i < x.size(); ++i) s += x[i] * y[i];
  return s;
}
inline std::vector<double> flipped(std::vector<double> const& x, index rows, index cols) {
  std::vector<double> y(x.size());
  for (index i = 0; i < rows; ++i)
    for (index j = 0; j < cols; ++j)
      y[static_cast<std::size_t>(j * rows + i)] = x[static_cast<std::size_t>(i * cols + j)];
  return y;
}
inline std::vector<double> product(std::vector<double> const& x, std::vector<double> const& y, index m, index k,
                                   index n) {
  std::vector<double> z(static_cast<std::size_t>(m * n));
  for (index i = 0; i < m; ++i)
    for (index l = 0; l < k; ++l)
      for (index j = 0; j < n; ++j)
        z[static_cast<std::size_t>(i * n + j)] +=
            x[static_cast<std::size_t>(i * k + l)] * y[static_cast<std::size_t>(l * n + j)];
  return z;
}

}  // namespace detail
}  // namespace selfpred::testing
