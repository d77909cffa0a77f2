// SPDX-License-Identifier: MIT
// A run that is killed and goes on as if it had not been: train, save, kill, resume, and every bit is the same.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/checkpoint/npy.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

namespace {

struct training {
  Eigen::MatrixXf encoder = 0.2F * Eigen::MatrixXf::Ones(32, 16);
  // [parts]
  selfpred::ema_target<Eigen::MatrixXf, selfpred::cosine_momentum> target{encoder, {.base = 0.99, .steps = 1000}};
  selfpred::objective<Eigen::MatrixXf, selfpred::newton_schulz> objective{selfpred::newton_schulz{}, {.alpha = 0.3}};
  std::uint64_t random = 7;  // what the data comes from is part of a run's state
  std::int64_t step = 0;

  auto parts() {
    return std::tuple{selfpred::named{"encoder", encoder}, selfpred::named{"target", target},
                      selfpred::named{"objective", objective}, selfpred::named{"random", random},
                      selfpred::named{"step", step}};
  }
  // [/parts]

  Eigen::MatrixXf batch() {
    Eigen::MatrixXf x(64, 32);
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      random = random * 6364136223846793005U + 1442695040888963407U;
      x.data()[i] = static_cast<float>(random >> 40) * 0x1p-23F - 1;
    }
    return x;
  }
  void train_until(std::int64_t last) {
    for (; step < last; ++step) {
      Eigen::MatrixXf const x1 = batch(), x2 = x1 + 0.1F * batch();
      auto const t1 = selfpred::stop_gradient(Eigen::MatrixXf(x1 * target.model()));
      auto const t2 = selfpred::stop_gradient(Eigen::MatrixXf(x2 * target.model()));
      Eigen::MatrixXf const z1 = x1 * encoder, z2 = x2 * encoder;
      auto const r = objective.step(z1, z2, t1, t2);
      encoder -= 0.1F * (x1.transpose() * r.gradient1 + x2.transpose() * r.gradient2);
      target.update(encoder);
    }
  }
};

}  // namespace

int main() {
  auto const folder = std::filesystem::temp_directory_path() / ("selfpred-resume-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  auto const file = folder / "run.safetensors";

  pid_t const child = ::fork();
  if (child == 0) {  // a run that saves every 10 steps, until it is killed in the middle of something
    training run;
    for (;;) {
      run.train_until(run.step + 10);
      // [save]
      selfpred::save_checkpoint(file, run.parts());  // replaced whole or not at all
      // [/save]
    }
  }
  while (!std::filesystem::exists(file)) ::usleep(1000);
  ::usleep(20'000);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  // [load]
  training resumed;
  selfpred::load_checkpoint(file, resumed.parts());
  // [/load]
  std::printf("killed, resumed at step %d\n", static_cast<int>(resumed.step));
  expect(resumed.step >= 10 && resumed.step % 10 == 0);
  std::int64_t const end = resumed.step + 25;
  resumed.train_until(end);

  training whole;  // the same run, never stopped
  whole.train_until(end);
  expect(resumed.encoder == whole.encoder && resumed.target.model() == whole.target.model());
  expect(resumed.objective.state() == whole.objective.state() && resumed.random == whole.random);

  // [npy]
  selfpred::save_npy(folder / "encoder.npy", whole.encoder);  // numpy.load reads it
  Eigen::MatrixXf again(32, 16);
  selfpred::load_npy(folder / "encoder.npy", again);
  // [/npy]
  expect(again == whole.encoder);
  std::filesystem::remove_all(folder);
  return failures;
}
