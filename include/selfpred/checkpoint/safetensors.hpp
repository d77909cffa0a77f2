// SPDX-License-Identifier: MIT
// The safetensors format (huggingface/safetensors, README "Format"): 8 bytes with the length of a JSON header, the header,
// and the tensors, row-major and little-endian, one after the other without a hole. Any bytes at all may be read.
#pragma once
#include <algorithm>
#include <functional>
#include <selfpred/checkpoint/safetensors_header.hpp>

namespace selfpred {

/// The index of a header, where `bytes` of data follow it. Throws file_error, with `file` in its text, unless every shape
/// times its element size is what its offsets span, and the tensors cover the data without overlap and without a hole.
inline safetensors_index parse_safetensors(std::string_view header, std::uint64_t bytes,
                                           std::string_view file = "memory", safetensors_limits const& limits = {}) {
  safetensors_index out;
  detail::header_events events(file, limits, out);
  if (header.empty() || header.front() != '{') events.refuse("the header does not start with '{'");
  nlohmann::json::sax_parse(header.begin(), header.end(), &events);

  std::vector<std::pair<std::uint64_t, std::string_view>> order;
  for (auto const& [name, e] : out.tensors) {
    std::optional<std::uint64_t> size = facts(e.type).size;
    bool const empty = std::ranges::find(e.extent, 0u) != e.extent.end();
    for (auto n : e.extent)
      if (size) size = empty ? 0 : detail::checked_product(*size, n);
    if (!size)
      events.refuse(detail::in_quotes(name) + " of shape " + detail::shape_text(e.extent) +
                    " is larger than 2^64 bytes");
    if (e.begin > e.end || e.end > bytes || e.end - e.begin != *size)
      events.refuse(detail::in_quotes(name) + " has data_offsets " + std::to_string(e.begin) + ", " +
                    std::to_string(e.end) + ", expected " + std::to_string(*size) + " bytes within the " +
                    std::to_string(bytes) + " of the data");
    order.emplace_back(e.begin, name);
  }
  std::ranges::sort(order, [&](auto const& a, auto const& b) {
    return std::pair(a.first, out.tensors.find(a.second)->second.end) <
           std::pair(b.first, out.tensors.find(b.second)->second.end);
  });
  std::uint64_t at = 0;
  for (auto const& [begin, name] : order) {
    if (begin != at)
      events.refuse(detail::in_quotes(name) + " starts at " + std::to_string(begin) + " of the data, expected " +
                    std::to_string(at) + ": tensors overlap, or leave a hole");
    at = out.tensors.find(name)->second.end;
  }
  if (at != bytes)
    events.refuse("the data has " + std::to_string(bytes) + " bytes, expected " + std::to_string(at) +
                  " as in the header");
  return out;
}

/// The index of a file: Source is input_file or input_memory.
template <class Source>
safetensors_index read_safetensors_index(Source const& source, safetensors_limits const& limits = {}) {
  std::uint64_t n = 0;
  if (source.size() < sizeof n)
    throw file_error(std::string(source.name()) + ": no safetensors file: it is shorter than 8 bytes");
  source.read(0, std::as_writable_bytes(std::span(&n, 1)));
  if (n > source.size() - sizeof n || n > limits.header)
    throw file_error(detail::complaint(source.name(), "the length of the header", std::to_string(n),
                                       "at most " + std::to_string(std::min(source.size() - sizeof n, limits.header))));
  std::string header(static_cast<std::size_t>(n), '\0');
  source.read(sizeof n, std::as_writable_bytes(std::span(header)));
  auto index = parse_safetensors(header, source.size() - sizeof n - n, source.name(), limits);
  index.data = sizeof n + n;
  return index;
}

/// Gives every tensor its place (larger elements first, then by name, as Python's writer does) and returns the first bytes
/// of the file, padded so that the data starts at a multiple of 8. Throws domain_error for names that are not UTF-8.
inline std::string place_safetensors(safetensors_index& index) {
  std::vector<std::pair<std::string_view, safetensors_entry*>> order;
  for (auto& [name, e] : index.tensors) order.emplace_back(name, &e);
  std::ranges::stable_sort(order, std::greater(), [](auto const& o) { return facts(o.second->type).size; });
  std::string header = "{";
  auto const text = [](std::string_view s) {
    try {
      return nlohmann::json(s).dump();
    } catch (nlohmann::json::type_error const&) {
      throw domain_error("safetensors: the text " + detail::in_quotes(s) + " is not UTF-8, which JSON needs");
    }
  };
  auto const next = [&](std::string_view name) -> std::string& {
    return header += (header.size() > 1 ? "," : "") + text(name) + ":";
  };
  if (!index.metadata.empty()) {
    next("__metadata__");
    char before = '{';
    for (auto const& [key, value] : index.metadata)
      header += std::exchange(before, ',') + text(key) + ":" + text(value);
    header += '}';
  }
  std::uint64_t at = 0;
  for (auto& [name, e] : order) {
    if (name == "__metadata__")
      throw domain_error("safetensors: a tensor is named '__metadata__', which is the metadata's");
    e->begin = at, e->end = at + facts(e->type).size;
    std::string extents;
    std::uint64_t size = facts(e->type).size;
    for (auto n : e->extent) extents += (extents.empty() ? "" : ",") + std::to_string(n), size *= n;
    e->end = at + size;
    next(name) += "{\"dtype\":\"" + std::string(facts(e->type).name) + "\",\"shape\":[" + extents +
                  "],\"data_offsets\":[" + std::to_string(e->begin) + "," + std::to_string(e->end) + "]}";
    at = e->end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  index.data = sizeof(std::uint64_t) + header.size();
  std::uint64_t const n = header.size();
  return std::string(reinterpret_cast<char const*>(&n), sizeof n) + header;
}

}  // namespace selfpred
