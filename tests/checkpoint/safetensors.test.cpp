// SPDX-License-Identifier: MIT
#include <selfpred/checkpoint/file.hpp>
#include <selfpred/checkpoint/safetensors.hpp>

#include "support/catch.hpp"

namespace sp = selfpred;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string framed(std::string const& header, std::size_t data) {
  std::uint64_t const n = header.size();
  return std::string(reinterpret_cast<char const*>(&n), 8) + header + std::string(data, 'x');
}
sp::safetensors_index read(std::string const& bytes, sp::safetensors_limits const& limits = {}) {
  return sp::read_safetensors_index(sp::input_memory(std::as_bytes(std::span(bytes)), "f"), limits);
}

}  // namespace

TEST_CASE("safetensors: a header as the format's own page has it", "[checkpoint]") {
  auto const i =
      read(framed(R"({"TEST":{"dtype":"F16","shape":[1,16,256],"data_offsets":[0,8192]},"NEXT":{"dtype":"BF16",)"
                  R"("shape":[256],"data_offsets":[8192,8704]},"__metadata__":{"special_key":"\u00e4"}}   )",
                  8704));
  CHECK(i.tensors.size() == 2);
  CHECK(i.tensors.at("TEST").extent == std::vector<std::uint64_t>{1, 16, 256});
  CHECK(i.tensors.at("NEXT").type == sp::dtype::bf16);
  CHECK(i.tensors.at("NEXT").end == 8704);
  CHECK(i.metadata.at("special_key") == "\xc3\xa4");
  CHECK(i.data > 8);
  CHECK(read(framed("{}", 0)).tensors.empty());
}

TEST_CASE("safetensors: what is written is read, aligned, larger elements first", "[checkpoint]") {
  sp::safetensors_index w;
  w.tensors["b"] = {sp::dtype::f32, {2, 3}};
  w.tensors["a"] = {sp::dtype::f32, {}};
  w.tensors["tiny"] = {sp::dtype::u8, {3}};
  w.tensors["wide \"quoted\""] = {sp::dtype::f64, {1}};
  w.tensors["empty"] = {sp::dtype::i64, {4, 0}};
  w.metadata["k\n"] = "v\\";
  std::string const start = sp::place_safetensors(w);
  CHECK(start.size() % 8 == 0);
  CHECK(w.data == start.size());
  auto const r = read(start + std::string(39, 'x'));
  CHECK(r.metadata == w.metadata);
  CHECK(r.data == w.data);
  for (auto const& [name, e] : w.tensors) {
    auto const& f = r.tensors.at(name);
    CHECK((f.type == e.type && f.extent == e.extent && f.begin == e.begin && f.end == e.end));
    CHECK(f.begin % sp::facts(f.type).size == 0);
  }
  CHECK(r.tensors.at("a").begin == 8);
  CHECK(r.tensors.at("b").begin == 12);
  CHECK(r.tensors.at("tiny").end == 39);
  w.tensors["__metadata__"] = {sp::dtype::u8, {1}};
  CHECK_THROWS_AS(sp::place_safetensors(w), sp::domain_error);
  sp::safetensors_index bad;
  bad.tensors["\xff"] = {sp::dtype::u8, {1}};
  CHECK_THROWS_WITH(sp::place_safetensors(bad), ContainsSubstring("not UTF-8"));
}

TEST_CASE("safetensors: what is no header is refused, and says where", "[checkpoint]") {
  auto const tensor = [](std::string const& type, std::string const& shape, std::string const& offsets) {
    return R"({"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  auto const one = [&](std::string const& t) { return R"({"w":)" + t + "}"; };
  struct {
    std::string header, why;
    std::size_t data = 8;
  } const wrong[] = {
      {"", "does not start with '{'", 0},
      {" {}", "does not start with '{'", 0},
      {"[]", "does not start with '{'", 0},
      {"{", "is not JSON at byte", 0},
      {"{}x", "is not JSON at byte", 0},
      {"{\"a\":{\"dtype\":\"\xff\"}}", "is not JSON", 0},
      {R"({"a":5})", "has a number at 'a'"},
      {R"({"a":null})", "has null"},
      {R"({"a":true})", "has a boolean"},
      {R"({"a":"x"})", "has a string"},
      {R"({"a":[]})", "has an array"},
      {R"({"a":{"b":{}}})", "has the key 'b'"},
      {R"({"__metadata__":{"a":5}})", "has a number"},
      {R"({"__metadata__":{"a":{}}})", "has an object"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "the metadata 'a' is there twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "'__metadata__' is there twice"},
      {one(R"({"dtype":"F32","shape":[2]})"), "'w' lacks dtype, shape or data_offsets"},
      {one(R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "each once"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})"), "has the key 'x'"},
      {one(tensor("F33", "[2]", "[0,8]")), "the dtype of 'w' is 'F33', expected one of safetensors"},
      {one(tensor("F32", "[-2]", "[0,8]")), "has a negative number"},
      {one(tensor("F32", "[2.0]", "[0,8]")), "no 64-bit integer"},
      {one(tensor("F32", "[2e0]", "[0,8]")), "no 64-bit integer"},
      {one(tensor("F32", "[NaN]", "[0,8]")), "is not JSON"},
      {one(tensor("F32", "[18446744073709551616]", "[0,8]")), "no 64-bit integer"},
      {one(tensor("F32", "[[2]]", "[0,8]")), "has an array"},
      {one(tensor("F32", "2", "[0,8]")), "has a number"},
      {one(tensor("F32", "[2]", "[0]")), "1 data_offsets, expected 2"},
      {one(tensor("F32", "[2]", "[0,8,8]")), "3 data_offsets, expected 2"},
      {one(tensor("F32", "[3]", "[0,8]")), "expected 12 bytes within the 8"},
      {one(tensor("F32", "[4]", "[0,16]")), "expected 16 bytes within the 8"},
      {one(tensor("F32", "[2]", "[8,0]")), "data_offsets 8, 0"},
      {one(tensor("F32", "[4611686018427387904]", "[0,8]")), "larger than 2^64 bytes"},
      {one(tensor("F32", "[4294967296,4294967296]", "[0,8]")), "larger than 2^64 bytes"},
      {one(tensor("F32", "[1]", "[0,4]")), "the data has 8 bytes, expected 4"},
      {one(tensor("F32", "[1]", "[4,8]")), "'w' starts at 4 of the data, expected 0: tensors overlap, or leave a hole"},
      {R"({"a":)" + tensor("F32", "[2]", "[0,8]") + R"(,"a":)" + tensor("F32", "[2]", "[0,8]") + "}",
       "'a' is there twice"},
      {R"({"a":)" + tensor("F32", "[2]", "[0,8]") + R"(,"b":)" + tensor("F32", "[1]", "[4,8]") + "}", "overlap"},
      {R"({"a":)" + tensor("F32", "[2]", "[0,8]") + R"(,"b":)" + tensor("F32", "[0]", "[4,4]") + "}", "overlap"},
  };
  for (auto const& w : wrong) {
    INFO(w.header);
    CHECK_THROWS_WITH(read(framed(w.header, w.data)), ContainsSubstring(w.why) && ContainsSubstring("f: "));
  }
  // an empty tensor beside one with values is fine, whatever the order of the header
  CHECK(read(framed(R"({"a":)" + tensor("F32", "[2,0,4294967296,4294967296]", "[8,8]") + R"(,"b":)" +
                        tensor("F32", "[2]", "[0,8]") + "}",
                    8))
            .tensors.size() == 2);
}

TEST_CASE("safetensors: lengths, limits and depths", "[checkpoint]") {
  CHECK_THROWS_WITH(read("1234567"), ContainsSubstring("shorter than 8 bytes"));
  CHECK_THROWS_WITH(read(std::string(8, '\xff')),
                    ContainsSubstring("the length of the header is 18446744073709551615, expected at most 0"));
  std::string const ok = framed(R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1);
  CHECK(read(ok).tensors.size() == 1);
  for (std::size_t n = 0; n < ok.size(); ++n) CHECK_THROWS_AS(read(ok.substr(0, n)), sp::file_error);
  CHECK_THROWS_AS(read(ok + "x"), sp::file_error);
  CHECK_THROWS_WITH(read(ok, {.header = 10}), ContainsSubstring("expected at most 10"));
  CHECK_THROWS_WITH(read(ok, {.tensors = 0}), ContainsSubstring("more than 0 tensors"));
  std::string const deep = R"({"a":)" + std::string(1 << 20, '[');
  CHECK_THROWS_AS(read(framed(deep, 0)), sp::file_error);
  std::string const hostile = std::string("{\"\\u001b[2J") + std::string(200, 'y') + "\":5}";
  CHECK_THROWS_WITH(read(framed(hostile, 0)), ContainsSubstring("'?[2Jyyy") && ContainsSubstring("...'"));
}
