// SPDX-License-Identifier: MIT
// seeds.cpp <folder>: files for the fuzzer to start from.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/checkpoint/npy.hpp>
#include <selfpred/selfpred.hpp>

namespace sp = selfpred;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::filesystem::path const folder = argv[1];
  using array = sp::host_array<float>;
  array w(sp::shape(2, 2), 0.5f);
  std::int64_t seen = 4;
  std::string note = "note";
  sp::ema_target target{w, sp::constant_momentum{0.5}};
  sp::objective<array, sp::direct_copy> objective{sp::direct_copy{}};
  for (int k = 0; k < 2; ++k) {
    std::string const name = "seed" + std::to_string(k);
    sp::save_checkpoint(folder / (name + ".safetensors"), sp::named{"w", w}, sp::named{"seen", seen},
                        sp::named{"note", note}, sp::named{"target", target}, sp::named{"objective", objective});
    sp::save_npy(folder / (name + ".npy"), w);
    target.update(w);
    array const z(sp::shape(3, 2), 1);
    objective.step(z, z, sp::stop_gradient(array(sp::shape(3, 2), 2)), sp::stop_gradient(array(sp::shape(3, 2), 2)));
  }
}
