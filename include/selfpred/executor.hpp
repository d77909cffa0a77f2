// SPDX-License-Identifier: MIT
// Who runs the parts of a pass: threads are handed over by whoever has them.
#pragma once
#include <selfpred/callable.hpp>

namespace selfpred {

/// A part of a pass: task(i) for i = 0 .. parts - 1, in any order and on any threads.
class part_task {
 public:
  template <class F>
  explicit part_task(F& f) : data_(&f), call_([](void* p, int i) { (*static_cast<F*>(p))(i); }) {}
  void operator()(int part) const { call_(data_, part); }

 private:
  void* data_;
  void (*call_)(void*, int);
};

/// Who runs the parts of a pass: run(parts, task) calls task(0) .. task(parts - 1) and returns when all have returned.
/// Serial by default; openmp(n) is in <selfpred/host/openmp.hpp>; a pool of your own fits into `run`. Results do not
/// depend on it, to the bit.
struct executor {
  int parts = 1;
  callable<void(int, part_task)> run = {};
};

}  // namespace selfpred
