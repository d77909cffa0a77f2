// SPDX-License-Identifier: MIT
// A user of the core alone: their own tensor, averaged.
#include <selfpred/selfpred.hpp>
#include <selfpred/strided/operations.hpp>
#include <vector>

struct weights {
  std::vector<float> values;
};
template <>
struct selfpred::tensor_traits<weights> : shows_memory {
  static auto view(auto& w) { return view_row_major(w.values.data(), w.values.size(), 1); }
};
struct encoder {
  weights first;
};
auto parameters(encoder& e) { return std::tie(e.first); }

int main() {
  encoder online{{{1, 1}}};
  selfpred::ema_target target{online, selfpred::constant_momentum{0.5}};
  online.first.values = {3, 5};
  target.update(online);
  return target.model().first.values == std::vector<float>{2, 3} ? 0 : 1;
}
