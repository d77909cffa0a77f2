// SPDX-License-Identifier: MIT
// Sharded use: whatever the partition of the leaves, the same target; and a number to compare ranks by.
#include <map>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/ema/checksum.hpp>
#include <selfpred/schedule/cosine.hpp>

#include "support/catch.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using matrix = sp::host_array<float>;
using leaves = std::map<std::string, matrix>;

namespace {

leaves model_at(int step) {
  leaves m;
  for (int i = 0; i < 7; ++i) {
    matrix w(sp::shape(3 + i, 5));
    for (std::size_t j = 0; j < w.values.size(); ++j)
      w.values[j] = std::sin(0.1F * static_cast<float>(step + i) + static_cast<float>(j));
    m["layer" + std::to_string(i)] = w;
  }
  return m;
}
leaves part_of(leaves const& all, int rank, auto owner) {
  leaves m;
  int i = 0;
  for (auto const& [name, w] : all)
    if (owner(i++) == rank) m[name] = w;
  return m;
}

}  // namespace

TEST_CASE("any partition of the leaves over ranks gives the same target", "[ema]") {
  sp::cosine_momentum const tau{.base = 0.9, .steps = 20};
  sp::ema_target whole{model_at(0), tau};
  for (int k = 1; k <= 10; ++k) whole.update(model_at(k));
  auto const expect_same = [&](int ranks, auto owner) {
    leaves together;
    std::uint64_t sum = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      sp::ema_target own{part_of(model_at(0), rank, owner), tau};  // no communication
      for (int k = 1; k <= 10; ++k) own.update(part_of(model_at(k), rank, owner));
      sum += sp::checksum(own.model());
      for (auto const& [name, w] : own.model()) together[name] = w;
    }
    CHECK(sum == sp::checksum(whole.model()));
    for (auto const& [name, w] : whole.model()) CHECK(together.at(name).values == w.values);  // to the bit
  };
  expect_same(2, [](int i) { return i % 2; });
  expect_same(3, [](int i) { return i / 3; });
  expect_same(4, [](int i) { return i == 5 ? 3 : 0; });  // uneven: ranks 1 and 2 have nothing
}

TEST_CASE("a flat shard is a model too", "[ema]") {
  std::vector<float> online(1003), own(1003), whole;
  for (std::size_t i = 0; i < online.size(); ++i) online[i] = std::cos(static_cast<float>(i));
  auto const shard = [](std::vector<float>& v, int first, int last) {
    return sp::view_matrix(v.data() + first, 1, last - first, 1, 1);
  };
  sp::cosine_momentum const tau{.base = 0.9, .steps = 20};
  auto const all = shard(online, 0, 1003);
  sp::ema_target reference{all, shard(own, 0, 1003), tau};
  std::vector<float> sharded(1003);
  auto const low = shard(online, 0, 334), high = shard(online, 334, 1003);
  sp::ema_target first{low, shard(sharded, 0, 334), tau}, second{high, shard(sharded, 334, 1003), tau};
  for (auto& x : online) x += 1;
  reference.update(all), first.update(low), second.update(high);
  CHECK(sharded == own);
}

TEST_CASE("checksum: names and values, not memory", "[ema]") {
  auto const number = [](std::string const& name, matrix const& w) { return sp::checksum(leaves{{name, w}}); };
  matrix w(sp::shape(2, 3));
  w.values = {1, 2, 3, 4, 5, 6};
  auto const c = number("a", w);
  CHECK(c == number("a", matrix(w)));
  CHECK(c != number("b", w));
  matrix swapped = w;
  std::swap(swapped.values[0], swapped.values[1]);
  CHECK(c != number("a", swapped));
  matrix one_bit = w;
  one_bit.values[5] = std::nextafter(6.0F, 7.0F);
  CHECK(c != number("a", one_bit));
  Eigen::MatrixXf column_major(2, 3);
  column_major << 1, 2, 3, 4, 5, 6;
  CHECK(sp::checksum(column_major) == sp::checksum(w));
  CHECK(sp::checksum(Eigen::MatrixXd(column_major.cast<double>())) == sp::checksum(w));
  CHECK(sp::checksum(far::handle(selfpred_tests::dense(2, 3, 1))) == sp::checksum(matrix(sp::shape(2, 3), 1)));
  CHECK(sp::checksum(std::vector<double>{0.0}) != sp::checksum(std::vector<double>{-0.0}));
}
