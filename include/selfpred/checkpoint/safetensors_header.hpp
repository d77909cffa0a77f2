// SPDX-License-Identifier: MIT
// The JSON header of a safetensors file: its grammar, on the events of nlohmann's parser.
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <selfpred/checkpoint/elements.hpp>

namespace selfpred {

/// One tensor of a file: bytes [begin, end) of its data.
struct safetensors_entry {
  dtype type = dtype::none;
  std::vector<std::uint64_t> extent;
  std::uint64_t begin = 0, end = 0;
};

/// What a header says.
struct safetensors_index {
  std::map<std::string, safetensors_entry, std::less<>> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
  std::uint64_t data = 0;  ///< where in the file the data starts
};

/// What a reader accepts. The header's is the format's own.
struct safetensors_limits {
  std::uint64_t header = 100'000'000;  ///< bytes
  std::uint64_t tensors = 1'000'000;
};

namespace detail {

inline std::string shape_text(std::vector<std::uint64_t> const& extent) {
  std::string s;
  for (auto e : extent) s += (s.empty() ? "" : " x ") + std::to_string(e);
  return s.empty() ? "scalar" : s;
}

// What is quoted from a file is cut short, and bytes that a terminal would act on become '?'.
inline std::string in_quotes(std::string_view s) {
  std::string q = "'";
  for (char c : s.substr(0, 80)) q += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return q + (s.size() > 80 ? "...'" : "'");
}

// The events of nlohmann's parser, which never recurses, against the grammar of a header. A document is never built.
class header_events : public nlohmann::json_sax<nlohmann::json> {
 public:
  header_events(std::string_view file, safetensors_limits const& limits, safetensors_index& out)
      : file_(file), limits_(limits), out_(out) {}

  [[noreturn]] void refuse(std::string const& what) const { throw file_error(std::string(file_) + ": " + what); }

  bool start_object(std::size_t) override {
    if (depth_ == 0)
      depth_ = 1;
    else if (depth_ == 1) {
      depth_ = 2, seen_ = 0;
      if (top_ != "__metadata__") entry_ = &out_.tensors.try_emplace(top_).first->second;
    } else
      unexpected("an object");
    return true;
  }
  bool key(string_t& k) override {
    if (depth_ == 1) {
      bool const metadata = k == "__metadata__";
      if (metadata ? std::exchange(has_metadata_, true) : out_.tensors.contains(k))
        refuse(in_quotes(k) + " is there twice in the header, expected once");
      if (!metadata && out_.tensors.size() >= limits_.tensors)
        refuse("more than " + std::to_string(limits_.tensors) + " tensors in the header");
      top_ = k, entry_ = nullptr;
    } else if (!entry_) {
      if (out_.metadata.contains(k)) refuse("the metadata " + in_quotes(k) + " is there twice, expected once");
      field_ = k;
    } else {
      unsigned const bit = k == "dtype" ? 1 : k == "shape" ? 2 : k == "data_offsets" ? 4 : 0;
      if (bit == 0 || (seen_ & bit) != 0)
        refuse(in_quotes(top_) + " has the key " + in_quotes(k) +
               ", expected dtype, shape and data_offsets, each once");
      seen_ |= bit, current_ = bit;
    }
    return true;
  }
  bool end_object() override {
    if (depth_ == 2 && entry_ && seen_ != 7) refuse(in_quotes(top_) + " lacks dtype, shape or data_offsets");
    --depth_;
    return true;
  }
  bool string(string_t& s) override {
    if (depth_ == 2 && !entry_)
      out_.metadata.emplace(field_, s);
    else if (depth_ == 2 && current_ == 1) {
      entry_->type = dtype_named(s);
      if (entry_->type == dtype::none)
        refuse(complaint_text("the dtype of " + in_quotes(top_), in_quotes(s), "one of safetensors"));
    } else
      unexpected("a string");
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || !entry_ || current_ == 1) unexpected("an array");
    depth_ = 3, offsets_ = 0;
    return true;
  }
  bool number_unsigned(number_unsigned_t n) override {
    if (depth_ != 3) unexpected("a number");
    if (current_ == 2)
      entry_->extent.push_back(n);
    else if (offsets_++ < 2)
      (offsets_ == 1 ? entry_->begin : entry_->end) = n;
    return true;
  }
  bool end_array() override {
    if (current_ == 4 && offsets_ != 2)
      refuse(in_quotes(top_) + " has " + std::to_string(offsets_) + " data_offsets, expected 2");
    depth_ = 2;
    return true;
  }
  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { unexpected("a negative number"); }
  bool number_float(number_float_t, string_t const&) override { unexpected("a number that is no 64-bit integer"); }
  bool binary(binary_t&) override { unexpected("binary"); }
  bool parse_error(std::size_t at, std::string const&, nlohmann::detail::exception const&) override {
    refuse("the header is not JSON at byte " + std::to_string(at) + " of it");
  }

 private:
  static std::string complaint_text(std::string_view what, std::string_view got, std::string_view expected) {
    return std::string(what) + " is " + std::string(got) + ", expected " + std::string(expected);
  }
  [[noreturn]] void unexpected(std::string const& what) const {
    refuse("the header has " + what + " at " + (depth_ == 0 ? "its top" : in_quotes(top_)) +
           ", expected an object of tensors, each with dtype, shape and data_offsets, and __metadata__ of strings");
  }

  std::string_view file_;
  safetensors_limits limits_;
  safetensors_index& out_;
  safetensors_entry* entry_ = nullptr;
  std::string top_, field_;
  int depth_ = 0, offsets_ = 0;
  unsigned seen_ = 0, current_ = 0;
  bool has_metadata_ = false;
};

}  // namespace detail

}  // namespace selfpred
