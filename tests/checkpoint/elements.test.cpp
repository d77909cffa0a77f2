// SPDX-License-Identifier: MIT
#include <Eigen/Core>
#include <numeric>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/checkpoint/elements.hpp>

#include "support/catch.hpp"

namespace sp = selfpred;
using sp::dtype;

namespace mine {
struct half {
  std::uint16_t bits;
};
}  // namespace mine
template <>
inline constexpr sp::dtype sp::dtype_of<mine::half> = sp::dtype::bf16;

static_assert(sp::dtype_of<float> == dtype::f32 && sp::dtype_of<double> == dtype::f64);
static_assert(sp::dtype_of<bool> == dtype::boolean && sp::dtype_of<std::complex<float>> == dtype::c64);
static_assert(sp::dtype_of<std::int8_t> == dtype::i8 && sp::dtype_of<std::uint16_t> == dtype::u16);
static_assert(sp::dtype_of<long long> == dtype::i64 && sp::dtype_of<std::uint64_t> == dtype::u64);
static_assert(sp::dtype_of<Eigen::half> == dtype::f16 && sp::dtype_of<Eigen::bfloat16> == dtype::bf16);
static_assert(sp::dtype_of<long double> == dtype::none && sp::dtype_of<std::complex<double>> == dtype::none);
static_assert(sp::dtype_of<mine::half> == dtype::bf16);

namespace {

template <class V>
std::string put(V const& v) {
  std::string all;
  sp::detail::put_elements(
      v, [&](std::span<std::byte const> b) { all.append(reinterpret_cast<char const*>(b.data()), b.size()); });
  return all;
}
template <class V>
void get(V const& v, std::string const& from) {
  std::size_t at = 0;
  sp::detail::get_elements(v, [&](std::span<std::byte> b) {
    REQUIRE(from.size() - at >= b.size());
    std::memcpy(b.data(), from.data() + at, b.size()), at += b.size();
  });
  CHECK(at == from.size());
}
template <class T>
std::string raw(std::vector<T> const& v) {
  return {reinterpret_cast<char const*>(v.data()), v.size() * sizeof(T)};
}

}  // namespace

TEST_CASE("elements: every dtype's name is found again, and no other", "[checkpoint]") {
  for (std::size_t i = 1; i < sp::dtype_table.size(); ++i)
    CHECK(sp::dtype_named(sp::dtype_table[i].name) == static_cast<dtype>(i));
  for (char const* other : {"", "none", "f32", "F32 ", "F4"}) CHECK(sp::dtype_named(other) == dtype::none);
}

TEST_CASE("elements: whatever the strides, bytes are row-major, and come back", "[checkpoint]") {
  std::vector<std::int32_t> memory(120);
  std::iota(memory.begin(), memory.end(), 0);
  auto const check = [&](sp::strided<std::int32_t> const& v, std::vector<std::int32_t> const& expected) {
    CHECK(put(v) == raw(expected));
    auto kept = memory;
    sp::strided<std::int32_t> w = v;
    std::vector<std::int32_t> fresh(120, -1);
    w.data = fresh.data() + (v.data - memory.data());
    get(w, raw(expected));
    CHECK(put(w) == raw(expected));
    CHECK(memory == kept);
    CHECK(std::ranges::count(fresh, -1) == 120 - static_cast<long>(expected.size()));  // and nothing beside
  };
  auto* p = memory.data();
  check(sp::view_row_major(p, 2, 3), {0, 1, 2, 3, 4, 5});
  check(sp::view_column_major(p, 2, 3), {0, 2, 4, 1, 3, 5});
  check(sp::view_matrix(p + 1, 2, 2, 10, 3), {1, 4, 11, 14});
  check(sp::view_matrix(p + 20, 2, 2, -10, -1), {20, 19, 10, 9});
  check(sp::view_tensor(p, std::array{2, 1, 2, 3}, std::array{60, 7, 1, 20}),
        {0, 20, 40, 1, 21, 41, 60, 80, 100, 61, 81, 101});
  check(sp::view_tensor(p, std::array{2, 3, 0}, std::array{1, 1, 1}), {});
  check(sp::view_dense(p + 5, sp::shape()), {5});
}

TEST_CASE("elements: large and strided tensors pass through buffers whole", "[checkpoint]") {
  for (long n : {1L << 17, (1L << 18) + 1, 600001L}) {
    std::vector<double> memory(static_cast<std::size_t>(2 * n)), back(memory.size());
    std::iota(memory.begin(), memory.end(), 0.5);
    auto const x = sp::view_matrix(memory.data(), n, 1, 2, 1), y = sp::view_matrix(back.data(), n, 1, 2, 1);
    get(y, put(x));
    bool same = true;
    for (std::size_t i = 0; i < memory.size(); i += 2) same = same && memory[i] == back[i] && back[i + 1] == 0;
    CHECK(same);
    auto const r = sp::view_row_major(memory.data(), 2, n);
    CHECK(put(r) == raw(memory));
    get(sp::view_row_major(back.data(), 2, n), put(r));
    CHECK(back == memory);
  }
}

TEST_CASE("elements: no bit is lost, NaN payloads and signed zeros included", "[checkpoint]") {
  std::vector<std::uint32_t> bits = {0x7fc12345, 0xffa00001, 0x80000000, 1, 0x7f800000};
  std::vector<float> x(bits.size()), y(bits.size());
  std::memcpy(x.data(), bits.data(), raw(bits).size());
  get(sp::view_row_major(y.data(), 1, 5), put(sp::view_row_major(x.data(), 1, 5)));
  CHECK(raw(y) == raw(bits));
}

TEST_CASE("elements: a bool of any byte but 0 is true", "[checkpoint]") {
  bool b[4] = {};
  get(sp::view_row_major(b, 1, 4), std::string("\x00\x01\x02\xff", 4));
  CHECK(put(sp::view_row_major(b, 1, 4)) == std::string("\x00\x01\x01\x01", 4));
}
