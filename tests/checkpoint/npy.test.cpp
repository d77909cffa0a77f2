// SPDX-License-Identifier: MIT
#include <Eigen/Core>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/checkpoint/npy.hpp>

#include "checkpoint/folder.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string npy(std::string dict, std::string const& data = {}, char version = 1) {
  std::string start = std::string("\x93NUMPY") + version + '\0';
  dict += '\n';
  start += static_cast<char>(dict.size() & 0xff);
  start += static_cast<char>(dict.size() >> 8);
  if (version > 1) start += std::string(2, '\0');
  return start + dict + data;
}
sp::npy_header header_of(std::string const& bytes) {
  return sp::read_npy_header(sp::input_memory(std::as_bytes(std::span(bytes))));
}

}  // namespace

TEST_CASE("npy: the bytes are numpy's", "[checkpoint]") {  // of numpy.save("x.npy", numpy.array([[1, 2, 3]], "<i2"))
  folder const at;
  sp::host_array<std::int16_t> x(sp::shape(1, 3));
  x.values = {1, 2, 3};
  sp::save_npy(at / "x.npy", x);
  std::string expected("\x93NUMPY\x01\x00v\x00", 10);
  expected += "{'descr': '<i2', 'fortran_order': False, 'shape': (1, 3), }";
  expected.resize(127, ' ');
  CHECK(content(at / "x.npy") == expected + std::string("\n\x01\x00\x02\x00\x03\x00", 7));
}

TEST_CASE("npy: any strides and element types come back", "[checkpoint]") {
  folder const at;
  Eigen::MatrixXf const x = Eigen::MatrixXf::Random(5, 7);
  sp::save_npy(at / "x.npy", x);
  Eigen::MatrixXf y(5, 7);
  sp::load_npy(at / "x.npy", y);
  CHECK(x == y);
  auto const z = sp::load_npy<float>(at / "x.npy");
  CHECK(z.extent == sp::shape(5, 7));
  CHECK(z.values[1] == x(0, 1));
  sp::host_array<double> const cube(sp::shape(std::array{2, 3, 4}), 0.1), scalar(sp::shape(), 0.3),
      row(sp::shape(std::array{3}), 2);
  for (auto const& a : {cube, scalar, row}) {
    sp::save_npy(at / "a.npy", a);
    auto const b = sp::load_npy<double>(at / "a.npy");
    CHECK((b.extent == a.extent && b.values == a.values));
  }
  Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, Eigen::Dynamic> const narrow = x.cast<Eigen::bfloat16>();
  sp::save_npy(at / "n.npy", narrow);
  CHECK(sp::load_npy<Eigen::bfloat16>(at / "n.npy").values[1] == narrow(0, 1));
}

TEST_CASE("npy: Fortran order is read", "[checkpoint]") {
  folder const at;
  write_content(at / "f.npy", npy("{'shape': (2,3), \"fortran_order\": True, 'descr': '|i1'}", "adbecf", 2));
  CHECK(sp::load_npy<std::int8_t>(at / "f.npy").values == std::vector<std::int8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
}

TEST_CASE("npy: what does not fit is refused before anything is written", "[checkpoint]") {
  folder const at;
  sp::host_array<float> const x(sp::shape(2, 3), 1);
  sp::save_npy(at / "x.npy", x);
  sp::host_array<float> y(sp::shape(3, 2), 7);
  CHECK_THROWS_WITH(sp::load_npy(at / "x.npy", y), ContainsSubstring("x.npy: the shape is 2 x 3, expected 3 x 2"));
  CHECK(y.values == std::vector<float>(6, 7));
  CHECK_THROWS_WITH(sp::load_npy<double>(at / "x.npy"), ContainsSubstring("bytes of elements"));
  CHECK_THROWS_WITH(sp::load_npy<std::int32_t>(at / "x.npy"),
                    ContainsSubstring("the element type is <f4, expected <i4 as in memory"));
  std::string const whole = content(at / "x.npy");
  write_content(at / "x.npy", whole.substr(0, whole.size() - 1));
  sp::host_array<float> z(sp::shape(2, 3), 7);
  CHECK_THROWS_WITH(sp::load_npy(at / "x.npy", z), ContainsSubstring("23 bytes, expected 24"));
  for (std::size_t n = 0; n < 128; ++n) CHECK_THROWS_AS(header_of(whole.substr(0, n)), sp::file_error);
}

TEST_CASE("npy: headers that are none are refused with a word", "[checkpoint]") {
  struct {
    char const *dict, *why;
  } const wrong[] = {
      {"", "no '{'"},
      {"{}", "no descr, fortran_order or shape"},
      {"{'descr': '<f4', 'descr': '<f4'}", "is there twice"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "neither True nor False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,)}", "no 64-bit extent"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "no 64-bit extent"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "more than 8 extents"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "structured types"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "text after the dict"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,", "no 64-bit extent"},
      {"{'descr': '<f4", "no string"},
  };
  for (auto const& w : wrong) CHECK_THROWS_WITH(header_of(npy(w.dict)), ContainsSubstring(w.why));
  CHECK_THROWS_WITH(header_of(npy("{}", "", 4)), ContainsSubstring("version is 4, expected 1, 2 or 3"));
  CHECK_THROWS_WITH(header_of("PK\x03\x04 not at all npy"), ContainsSubstring("no npy file"));
  folder const at;  // a shape whose product overflows to the right size
  write_content(at / "x.npy", npy("{'descr': '|i1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2)}"));
  CHECK_THROWS_AS(sp::load_npy<std::int8_t>(at / "x.npy"), sp::file_error);
  write_content(at / "empty.npy",
                npy("{'descr': '|i1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4, 0)}"));
  CHECK_THROWS_AS(sp::load_npy<std::int8_t>(at / "empty.npy"), sp::file_error);
  sp::host_array<std::int8_t> y(sp::shape(1, 1));
  CHECK_THROWS_AS(sp::load_npy(at / "x.npy", y), sp::file_error);
}
