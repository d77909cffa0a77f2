// SPDX-License-Identifier: MIT

#include "support/images.hpp"

#include <fstream>
#include <string>

#include "support/catch.hpp"

namespace {

using support::bad_input;

auto written(std::string const& name, std::string const& bytes) -> std::filesystem::path {
  auto const path = std::filesystem::temp_directory_path() / ("selfpred-images-test-" + name);
  std::ofstream{path, std::ios::binary}.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

}  // namespace

TEST_CASE("the embedded digits are complete") {
  auto const digits = support::embedded_digits();
  CHECK(digits.train.images.rows() == 1200);
  CHECK(digits.test.labels.size() == 397);
  CHECK(digits.train.labels.front() == 0);
  CHECK(digits.train.images.minCoeff() == 0.0F);
  CHECK(digits.train.images.maxCoeff() == 1.0F);
}

TEST_CASE("an IDX reader takes what is right and refuses the rest by name") {
  auto const good = std::string("\0\0\x08\x01\0\0\0\x02", 8) + "\x03\x04";
  auto const labels = support::detail::read_idx(written("good", good), 1);
  CHECK(labels.sizes == std::vector<std::size_t>{2});
  CHECK(labels.data == std::vector<unsigned char>{3, 4});

  for (auto length = std::size_t{0}; length < good.size(); ++length)
    CHECK_THROWS_AS(support::detail::read_idx(written("short", good.substr(0, length)), 1), bad_input);
  CHECK_THROWS_AS(support::detail::read_idx(written("long", good + '\5'), 1), bad_input);
  CHECK_THROWS_AS(support::detail::read_idx(written("rank", good), 3), bad_input);
  auto const huge = std::string("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
  CHECK_THROWS_AS(support::detail::read_idx(written("huge", huge), 3), bad_input);
  CHECK_THROWS_AS(support::detail::read_idx("/nowhere/at-all", 1), bad_input);
}

TEST_CASE("a broken gzip stream and an oversized file are refused") {
  auto const path = std::filesystem::temp_directory_path() / "selfpred-images-test.gz";
  auto* const file = gzopen(path.c_str(), "wb");
  auto const bytes = std::string(5'000, 'x');
  REQUIRE(gzwrite(file, bytes.data(), 5'000) == 5'000);
  REQUIRE(gzclose(file) == Z_OK);
  CHECK(support::detail::read_bytes(path).size() == 5'000);
  CHECK_THROWS_AS(support::detail::read_bytes(path, 4'999), bad_input);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 6);
  CHECK_THROWS_AS(support::detail::read_bytes(path), bad_input);
}
