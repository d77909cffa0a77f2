// SPDX-License-Identifier: MIT
#pragma once

#include "lanes.hpp"

#include <zlib.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace support {

/// Grey images with values in [0, 1], one a row, and their labels.
struct image_set {
  matrix images;
  std::vector<int> labels;
};

struct data_set {
  std::string name;
  Index side;
  int classes;
  image_set train, held_out, test;  // held_out: training images kept back, to choose hyper-parameters on
};

/// A file or an argument that cannot be used.
struct bad_input : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace detail {

/// Bytes of a file, gzip or plain. A file larger than any this program reads is refused before it fills the memory.
inline auto read_bytes(std::filesystem::path const& path, std::size_t limit = 64U << 20U)
    -> std::vector<unsigned char> {
  auto const fail = [&](std::string const& why) { return bad_input{path.string() + ": " + why}; };
  auto const file = std::unique_ptr<gzFile_s, int (*)(gzFile)>{gzopen(path.c_str(), "rb"), gzclose_r};
  if (!file) throw fail("cannot be opened");
  auto bytes = std::vector<unsigned char>{};
  auto piece = std::array<unsigned char, 65'536>{};
  for (;;) {
    auto const n = gzread(file.get(), piece.data(), piece.size());
    auto status = Z_OK;
    if (auto const* const text = gzerror(file.get(), &status); n < 0 || status == Z_BUF_ERROR)
      throw fail("got " + std::to_string(bytes.size()) + " bytes and then a broken gzip stream (" + text + ")");
    if (n == 0) return bytes;
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + n);
    if (bytes.size() > limit) throw fail("got more than the " + std::to_string(limit) + " bytes expected at most");
  }
}

/// An IDX file of bytes: 0, 0, 8, the rank, that many big-endian sizes, and then exactly the product of them in bytes.
struct idx {
  std::string name;
  std::vector<std::size_t> sizes;
  std::vector<unsigned char> data;
};

inline auto read_idx(std::filesystem::path const& path, std::size_t rank) -> idx {
  auto bytes = read_bytes(path);
  auto const fail = [&](std::string const& what, std::size_t got, std::size_t expected) {
    return bad_input{path.string() + ": got " + std::to_string(got) + ' ' + what + ", expected " +
                     std::to_string(expected)};
  };
  auto const header = 4 * (rank + 1);
  if (bytes.size() < header) throw fail("bytes", bytes.size(), header);
  auto const word = [&](std::size_t i) {
    return std::size_t{bytes[4 * i]} << 24U | std::size_t{bytes[4 * i + 1]} << 16U |
           std::size_t{bytes[4 * i + 2]} << 8U | std::size_t{bytes[4 * i + 3]};
  };
  if (word(0) != 0x800 + rank) throw fail("as the magic number", word(0), 0x800 + rank);
  auto result = idx{path.string(), {}, {}};
  auto expected = std::size_t{1};
  for (auto i = std::size_t{1}; i <= rank; ++i) {
    result.sizes.push_back(word(i));
    if (word(i) == 0 || word(i) > bytes.size() / expected)
      throw fail("bytes for " + std::to_string(word(i)) + " items", bytes.size() - header, word(i) * expected);
    expected *= word(i);
  }
  if (bytes.size() - header != expected) throw fail("bytes after the header", bytes.size() - header, expected);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  result.data = std::move(bytes);
  return result;
}

inline auto slice(idx const& images, idx const& labels, Index first, Index count) -> image_set {
  auto const pixels = static_cast<Index>(images.sizes[1] * images.sizes[2]);
  using bytes = Eigen::Matrix<unsigned char, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  auto const all = Eigen::Map<bytes const>(images.data.data(), static_cast<Index>(images.sizes[0]), pixels);
  return {all.middleRows(first, count).cast<float>() / 255.0F,
          {labels.data.begin() + first, labels.data.begin() + first + count}};
}

inline auto read_pair(std::filesystem::path const& directory, std::string const& stem) -> std::array<idx, 2> {
  auto const file = [&](std::string const& name) {
    auto path = directory / (name + "-ubyte.gz");
    return exists(path) ? path : directory / (name + "-ubyte");
  };
  auto pair = std::array{read_idx(file(stem + "-images-idx3"), 3), read_idx(file(stem + "-labels-idx1"), 1)};
  if (pair[0].sizes[0] != pair[1].sizes[0])
    throw bad_input{pair[1].name + ": got " + std::to_string(pair[1].sizes[0]) + " labels, expected " +
                    std::to_string(pair[0].sizes[0]) + ", one an image"};
  if (pair[0].sizes[1] != pair[0].sizes[2] || pair[0].sizes[1] < 8 || pair[0].sizes[1] > 64)
    throw bad_input{pair[0].name + ": got images of " + std::to_string(pair[0].sizes[1]) + "x" +
                    std::to_string(pair[0].sizes[2]) + ", expected square ones of 8 to 64 pixels"};
  for (auto const label : pair[1].data)
    if (label > 9) throw bad_input{pair[1].name + ": got label " + std::to_string(label) + ", expected 0 to 9"};
  return pair;
}

}  // namespace detail

/// The first images of a set only.
inline void keep_first(image_set& set, Index count) {
  if (count < 1 || count > set.images.rows())
    throw bad_input{"got " + std::to_string(count) + " training images to use, expected 1 to " +
                    std::to_string(set.images.rows())};
  set.images = set.images.topRows(count).eval();
  set.labels.resize(static_cast<std::size_t>(count));
}

/// A folder in the format of MNIST. The last twelfth of the training images (5,000 of 60,000) is held out.
inline auto read_idx_folder(std::filesystem::path const& directory) -> data_set {
  auto const [images, labels] = detail::read_pair(directory, "train");
  auto const [test_images, test_labels] = detail::read_pair(directory, "t10k");
  if (test_images.sizes[1] != images.sizes[1])
    throw bad_input{test_images.name + ": got images of side " + std::to_string(test_images.sizes[1]) +
                    ", expected the side of the training images, " + std::to_string(images.sizes[1])};
  auto const all = static_cast<Index>(images.sizes[0]), held_out = all / 12;
  return {"Fashion-MNIST",
          static_cast<Index>(images.sizes[1]),
          10,
          detail::slice(images, labels, 0, all - held_out),
          detail::slice(images, labels, all - held_out, held_out),
          detail::slice(test_images, test_labels, 0, static_cast<Index>(test_images.sizes[0]))};
}

/// The 1,797 digits embedded in the program: 1,200 to train on, 200 held out, 397 to test on.
inline auto embedded_digits() -> data_set {
  static constexpr char const* lines[] = {
#include "../data/digits.inc"
  };
  auto const slice = [](Index first, Index count) {
    auto set = image_set{matrix(count, 64), {}};
    for (Index i = 0; i < count; ++i) {
      auto const line = std::string_view{lines[first + i]};
      set.labels.push_back(line[0] - '0');
      for (Index p = 0; p < 64; ++p) {
        auto const c = line[static_cast<std::size_t>(p) + 2];
        set.images(i, p) = static_cast<float>(c <= '9' ? c - '0' : c - 'A' + 10) / 16.0F;
      }
    }
    return set;
  };
  return {"digits", 8, 10, slice(0, 1200), slice(1200, 200), slice(1400, 397)};
}

/// `where` is a folder, the word "none", or empty: then $SELFPRED_DATA, the place of the Debian package
/// dataset-fashion-mnist, its rootless copy below the build folder, and at last the embedded digits.
inline auto find_images(std::string where, std::filesystem::path const& source) -> data_set {
  if (auto const* const set = std::getenv("SELFPRED_DATA"); where.empty() && set != nullptr) where = set;
  if (where == "none") return embedded_digits();
  if (!where.empty()) return read_idx_folder(where);
  auto const package = std::filesystem::path{"usr/share/datasets/fashion-mnist"};
  for (auto const& root : {std::filesystem::path{"/"}, std::filesystem::path{"_sys"},
                           std::filesystem::path{"build/_sys"}, source / "build/_sys"})
    if (exists(root / package)) return read_idx_folder(root / package);
  return embedded_digits();
}

}  // namespace support
