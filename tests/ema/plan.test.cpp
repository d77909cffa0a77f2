// SPDX-License-Identifier: MIT
// One pass over many tensors, cut into parts.
#include <map>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <thread>
#ifdef _OPENMP
#include <selfpred/host/openmp.hpp>
#endif

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using matrix = sp::host_array<float>;

namespace {

// Sizes that are no multiples of anything, among them empty and long ones.
std::vector<matrix> model_of(double seed) {
  std::vector<matrix> m;
  for (long n : {1L, 7L, 0L, 64L, 100'003L, 63L, 1L, 65L, 250'001L, 4097L, 0L}) {
    m.emplace_back(sp::shape(1, n));
    for (auto& x : m.back().values) x = static_cast<float>(seed = std::fmod(seed * 1.37 + 0.61, 3.0) - 1.1);
  }
  return m;
}
sp::executor backwards(int parts) {
  return {parts, [](int n, sp::part_task task) {
            for (int i = n - 1; i >= 0; --i) task(i);
          }};
}
// [executor]
sp::executor threads(int parts) {
  return {parts, [](int n, sp::part_task task) {
            std::vector<std::jthread> all;
            for (int i = 0; i < n; ++i) all.emplace_back([=] { task(i); });
          }};
}
// [/executor]
std::vector<float> after(sp::executor run, sp::non_finite_policy p) {
  sp::ema_target target{model_of(0.1), sp::constant_momentum{0.9},
                        sp::ema_options{.non_finite = p, .threads = std::move(run)}};
  for (int k = 0; k < 3; ++k) target.update(model_of(0.2 + k));
  std::vector<float> all;
  for (auto const& m : target.model()) all.insert(all.end(), m.values.begin(), m.values.end());
  return all;
}

}  // namespace

TEST_CASE("a pass gives the same bits for any number of parts and any executor", "[ema]") {
  using enum sp::non_finite_policy;
  auto const serial = after({}, unchecked);
  for (int parts : {1, 2, 3, 5, 8, 64}) CHECK(after(backwards(parts), unchecked) == serial);
  CHECK(after(threads(4), unchecked) == serial);
  for (auto p : {propagate, refuse, skip_leaves}) CHECK(after(threads(3), p) == serial);
#ifdef _OPENMP
  for (int n : {1, 2, 3}) CHECK(after(sp::openmp(n), unchecked) == serial);
#endif
}

TEST_CASE("a pass of many tensors equals one lerp a tensor", "[ema]") {
  auto const online = model_of(0.2);
  sp::ema_target target{model_of(0.1), sp::constant_momentum{0.9}, sp::ema_options{.threads = backwards(3)}};
  target.update(online);
  auto expected = model_of(0.1);
  for (std::size_t i = 0; i < expected.size(); ++i) sp::lerp(1 - 0.9, online[i], expected[i]);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(target.model()[i].values == expected[i].values);
}

TEST_CASE("parts are equal to 64 elements, whatever the tensors", "[ema]") {
  namespace d = sp::detail;
  static std::vector<sp::index> done;
  done.clear();
  d::plan plan;
  sp::index total = 0;
  for (int i = 0; i < 2000; ++i) {
    d::segment s;
    s.size = i % 3 == 0 ? 64 << (i % 6) : 1 + i % 50;
    total += s.size;
    static constexpr d::segment_loops loops{
        [](d::segment const& x, d::pass const&, sp::index first, sp::index last, d::tally&) {
          CHECK((first % 64 == 0 && first < last && last <= x.size));
          done.back() += last - first;
        },
        nullptr};
    s.loops = &loops;
    plan.add(s);
  }
  int parts = 0;
  plan.run({4,
            [&](int n, sp::part_task task) {
              parts = n;
              for (int i = 0; i < n; ++i) done.push_back(0), task(i);
            }},
           {});
  CHECK(parts == 4);
  sp::index sum = 0;
  for (sp::index n : done) {
    CHECK(std::abs(n - total / 4) <= 64 + 1);
    sum += n;
  }
  CHECK(sum == total);
}

TEST_CASE("a guarded pass reads each tensor just before it writes it, whatever the parts", "[ema]") {
  namespace d = sp::detail;
  struct event {
    d::segment const* s;
    sp::index first, last;
    bool scan;
  };
  static std::vector<event> seen;
  static constexpr d::segment_loops loops{
      [](d::segment const& s, d::pass const&, sp::index first, sp::index last, d::tally&) {
        seen.push_back({&s, first, last, false});
      },
      [](d::segment const& s, d::pass const&, sp::index first, sp::index last, d::tally& t) {
        seen.push_back({&s, first, last, true});
        t.non_finite += s.x != nullptr && first == 0 ? 1 : 0;  // at the first element of those with an x
      }};
  static int const bad = 0;
  auto const run = [](int parts) {
    d::plan plan;
    for (sp::index n : {70'000L, 100L, 40'000L, 1L, 90'000L, 65'000L, 3000L, 200'000L}) {
      d::segment s;
      s.size = n, s.loops = &loops, s.x = n == 40'000 || n == 90'000 ? &bad : nullptr;
      plan.add(s);
    }
    seen.clear();
    auto const t = plan.run_finite(backwards(parts), {});
    CHECK((t.non_finite == 2 && t.skipped == 2));
    std::map<d::segment const*, sp::index> scanned, written;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      auto const& e = seen[i];
      (e.scan ? scanned : written)[e.s] += e.last - e.first;
      if (e.scan) continue;
      CHECK(scanned[e.s] == e.s->size);  // seen whole before the first write
      if (e.s->size <= 65'536 || parts == 1) CHECK((i > 0 && seen[i - 1].scan && seen[i - 1].s == e.s));
    }
    CHECK((scanned.size() == 8 && written.size() == 6));
    for (auto [s, n] : written) CHECK(n == s->size);
    for (auto [s, n] : scanned) CHECK(n == s->size);
  };
  for (int parts : {1, 2, 3, 7}) run(parts);
}

TEST_CASE("short passes stay on the calling thread", "[ema]") {
  double online = 1;
  int calls = 0;
  sp::ema_target target{online, sp::constant_momentum{0.5},
                        sp::ema_options{.threads = {8, [&](int, sp::part_task) { ++calls; }}}};
  online = 3;
  target.update(online);
  CHECK(target.model() == 2);
  CHECK(calls == 0);
}

TEST_CASE("a pass in parts allocates nothing of its own", "[ema]") {
  auto const online = model_of(0.2);
  sp::ema_target target{model_of(0.1), sp::constant_momentum{0.9}, sp::ema_options{.threads = backwards(4)}};
  allocation_counter scope;
  for (int k = 0; k < 3; ++k) target.update(online);
  long const n = scope.count();
  CHECK(n == 0);
}

TEST_CASE("joint_run and dense_like", "[ema]") {
  namespace d = sp::detail;
  std::vector<float> a(1000), b(1000);
  auto const rows = sp::view_row_major(a.data(), 5, 7), other = sp::view_row_major(b.data(), 5, 7);
  auto const cols = sp::view_column_major(b.data(), 5, 7);
  CHECK(d::joint_run(rows, other) == 35);
  CHECK(d::joint_run(cols, cols) == 35);
  CHECK(d::joint_run(rows, cols) == -1);
  CHECK(d::joint_run(sp::view_matrix(a.data(), 5, 7, 8, 1), other) == -1);
  CHECK(d::joint_run(sp::view_matrix(a.data(), 1, 7, 99, 1), sp::view_matrix(b.data(), 1, 7, 7, 1)) == 7);
  CHECK(d::joint_run(sp::view_row_major(a.data(), 0, 7), sp::view_row_major(b.data(), 0, 7)) == 0);
  CHECK(d::joint_run(sp::view_matrix(a.data(), 1, 1, 1, 1), sp::view_matrix(b.data(), 1, 1, 1, 1)) == 1);
  auto const same = [&](auto const& x) { return d::joint_run(x, d::dense_like(b.data(), x)) == x.shape().size(); };
  CHECK(same(rows));
  CHECK(same(cols));
  CHECK(same(sp::view_tensor(a.data(), std::array{2, 3, 4}, std::array{1, 8, 2})));  // a permuted tensor
  CHECK_FALSE(same(sp::view_matrix(a.data(), 5, 7, 14, 2)));
  CHECK(d::dense_like(b.data(), sp::view_matrix(a.data(), 5, 7, 2, 80)).stride[0] == 1);
}
