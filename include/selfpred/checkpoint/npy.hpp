// SPDX-License-Identifier: MIT
// Single arrays in NumPy's npy format (numpy.lib.format): a magic number, a header that is a Python dict, the elements.
#pragma once
#include <algorithm>
#include <charconv>
#include <selfpred/checkpoint/elements.hpp>
#include <selfpred/checkpoint/file.hpp>
#include <selfpred/ops.hpp>
#include <selfpred/strided/array.hpp>
#include <selfpred/strided/operations.hpp>

namespace selfpred {

/// What the header of an npy file says.
struct npy_header {
  std::string descr;  ///< "<f4"
  bool fortran_order = false;
  std::vector<std::uint64_t> extent;
  std::uint64_t data = 0;  ///< where in the file the elements start
};

namespace detail {

// The dict of a header: three known keys, each once, of a string, a bool and a tuple of integers.
class npy_dict {
 public:
  npy_dict(std::string_view text, std::string_view file) : rest_(text), file_(file) {}

  npy_header parse() {
    npy_header h;
    unsigned seen = 0;
    expect('{');
    while (!take('}')) {
      std::string const key = quoted_text();
      unsigned const bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
      if (bit == 0 || (seen & bit) != 0) refuse("a key that is no descr, fortran_order or shape, or is there twice");
      seen |= bit;
      expect(':');
      if (bit == 1) h.descr = quoted_text();
      if (bit == 2) h.fortran_order = boolean();
      if (bit == 4) h.extent = tuple();
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    spaces();
    if (!rest_.empty()) refuse("text after the dict");
    if (seen != 7) refuse("no descr, fortran_order or shape");
    return h;
  }

 private:
  [[noreturn]] void refuse(std::string const& what) const {
    throw file_error(std::string(file_) + ": the npy header has " + what);
  }
  void spaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    spaces();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) refuse(std::string("no '") + c + "' where one belongs");
  }
  std::string quoted_text() {
    spaces();
    char const q = rest_.empty() ? ' ' : rest_[0];
    auto const end = q == '\'' || q == '"' ? rest_.find(q, 1) : rest_.npos;
    if (end == rest_.npos) refuse("no string where one belongs (structured types are not read)");
    std::string s(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return s;
  }
  bool boolean() {
    spaces();
    bool const yes = rest_.starts_with("True");
    if (!yes && !rest_.starts_with("False")) refuse("neither True nor False as fortran_order");
    rest_.remove_prefix(yes ? 4 : 5);
    return yes;
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> extent;
    expect('(');
    while (!take(')')) {
      spaces();
      std::uint64_t n = 0;
      auto const [stop, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n);
      if (error != std::errc()) refuse("no 64-bit extent where one belongs");
      if (extent.size() == static_cast<std::size_t>(max_rank)) refuse("more than 8 extents");
      rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
      extent.push_back(n);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return extent;
  }

  std::string_view rest_, file_;
};

}  // namespace detail

/// The header of an npy file of version 1, 2 or 3. Source is input_file or input_memory. Errors: file_error.
template <class Source>
npy_header read_npy_header(Source const& source) {
  std::string const file(source.name());
  unsigned char start[12] = {};
  auto const known = static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), sizeof start));
  source.read(0, std::as_writable_bytes(std::span(start, known)));
  if (known < 10 || std::memcmp(start, "\x93NUMPY", 6) != 0)
    throw file_error(file + ": no npy file: it does not start with \\x93NUMPY");
  if (start[6] < 1 || start[6] > 3)
    throw file_error(detail::complaint(file, "the npy version", std::to_string(start[6]), "1, 2 or 3"));
  std::uint64_t const at = start[6] == 1 ? 10 : 12;
  std::uint64_t length = start[8] | std::uint64_t{start[9]} << 8;
  if (start[6] > 1) length |= std::uint64_t{start[10]} << 16 | std::uint64_t{start[11]} << 24;
  std::uint64_t const room = source.size() < at ? 0 : std::min<std::uint64_t>(source.size() - at, 1 << 16);
  if (length > room)
    throw file_error(detail::complaint(file, "the length of the npy header", std::to_string(length),
                                       "at most " + std::to_string(room)));
  std::string text(static_cast<std::size_t>(length), '\0');
  source.read(at, std::as_writable_bytes(std::span(text)));
  npy_header h = detail::npy_dict(text, file).parse();
  h.data = at + length;
  return h;
}

namespace detail {

template <class Source, class S>
void read_npy_elements(Source const& source, npy_header const& h, strided<S> const& y) {
  std::string const file(source.name());
  std::string_view const expected = facts(dtype_of<S>).numpy;
  if (h.descr != expected && !(expected[0] == '|' && std::string_view(h.descr).substr(1) == expected.substr(1)))
    throw file_error(complaint(file, "the element type", h.descr, std::string(expected) + " as in memory"));
  shape const extent(h.extent), s = y.shape();
  if (extent != s) throw file_error(complaint(file, "the shape", extent.text(), s.text()));
  auto const size = static_cast<std::uint64_t>(s.size()) * sizeof(S);
  if (source.size() - h.data != size)
    throw file_error(complaint(file, "the size of the elements", std::to_string(source.size() - h.data) + " bytes",
                               std::to_string(size)));
  strided<S> v = y;
  if (h.fortran_order) {
    std::reverse(v.extent.begin(), v.extent.begin() + v.rank);
    std::reverse(v.stride.begin(), v.stride.begin() + v.rank);
  }
  std::uint64_t at = h.data;
  get_elements(v, [&](std::span<std::byte> bytes) { source.read(at, bytes), at += bytes.size(); });
}

}  // namespace detail

/// numpy.save(path, x): host memory of any strides, row-major in the file; replaced whole or not at all. bfloat16 and other
/// types that numpy has not are written as bytes of their size ("|V2"). Errors: file_error. Example: examples/resume.cpp
template <tensor T>
void save_npy(std::filesystem::path const& path, T const& x) {
  auto const put = []<class S, int R>(std::filesystem::path const& to, strided<S, R> const& v) {
    constexpr dtype type = dtype_of<std::remove_const_t<S>>;
    static_assert(type != dtype::none, "selfpred: npy has no such element type; specialise selfpred::dtype_of");
    std::string extents;
    for (auto e : v.shape()) extents += std::to_string(e) + (extents.empty() && v.rank == 1 ? "," : ", ");
    if (v.rank > 1) extents.resize(extents.size() - 2);
    if (v.rank == 1) extents = std::to_string(v.extent[0]) + ",";
    std::string header =
        "{'descr': '" + std::string(facts(type).numpy) + "', 'fortran_order': False, 'shape': (" + extents + "), }";
    header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 11, ' ');
    header += '\n';
    std::string start("\x93NUMPY\x01\x00", 8);
    start += static_cast<char>(header.size() & 0xff), start += static_cast<char>(header.size() >> 8);
    header = start + header;
    atomic_file file(to);
    file.write(std::as_bytes(std::span(header)));
    detail::put_elements(v, [&](std::span<std::byte const> bytes) { file.write(bytes); });
    file.commit();
  };
  put(path, detail::operand(x));
}

/// Into a tensor of the file's shape and element type. Errors: file_error, before anything is written.
template <tensor T>
  requires writable<T>
void load_npy(std::filesystem::path const& path, T&& x) {
  input_file const file(path);
  auto const get = [&]<class S, int R>(strided<S, R> const& v) {
    detail::read_npy_elements(file, read_npy_header(file), strided<S>(v));
  };
  get(detail::operand(x));
}

/// A new array: auto const x = load_npy<float>("x.npy").
template <class S>
host_array<S> load_npy(std::filesystem::path const& path) {
  input_file const file(path);
  auto const h = read_npy_header(file);
  std::optional<std::uint64_t> size = sizeof(S);
  for (auto e : h.extent)
    if (size && e != 0) size = detail::checked_product(*size, e);
  bool const empty = std::ranges::find(h.extent, 0u) != h.extent.end();
  if (!size || *size > std::uint64_t{1} << 62 || (empty ? 0 : *size) != file.size() - h.data)
    throw file_error(file.name() + ": the shape does not fit the " + std::to_string(file.size() - h.data) +
                     " bytes of elements");
  host_array<S> x{shape(h.extent)};
  detail::read_npy_elements(file, h, strided<S>(detail::operand(x)));
  return x;
}

}  // namespace selfpred
