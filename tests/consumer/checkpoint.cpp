// SPDX-License-Identifier: MIT
// A user of selfpred::checkpoint, with a tensor of their own: saved and loaded.
#include <cstdio>
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/selfpred.hpp>
#include <vector>

struct weights {
  std::vector<float> values;
};
template <>
struct selfpred::tensor_traits<weights> : shows_memory {
  static auto view(auto& w) { return view_row_major(w.values.data(), w.values.size(), 1); }
};

int main() {
  weights online{{1, 2}};
  selfpred::ema_target target{online, selfpred::constant_momentum{0.5}};
  target.update(online);
  selfpred::save_checkpoint("consumer.safetensors", selfpred::named{"target", target});
  selfpred::ema_target again{weights{{0, 0}}, selfpred::constant_momentum{0.5}};
  selfpred::load_checkpoint("consumer.safetensors", selfpred::named{"target", again});
  std::remove("consumer.safetensors");
  return again.step() == 1 && again.model().values == online.values ? 0 : 1;
}
