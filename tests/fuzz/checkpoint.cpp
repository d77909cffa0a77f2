// SPDX-License-Identifier: MIT
// checkpoint.cpp: libFuzzer over the readers. Whatever the bytes are, a reader gives what they say or throws file_error; where a
// header is accepted, every tensor is read, and the same model is written and read again.
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/checkpoint/npy.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/host/engine.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/schedule/constant.hpp>

namespace sp = selfpred;

namespace {

using array = sp::host_array<float>;
[[noreturn]] void broken() { __builtin_trap(); }

struct parts {
  array w{sp::shape(2, 2), 1};
  std::int64_t seen = 3;
  std::string note = "n";
  sp::ema_target<array, sp::constant_momentum> target{w, sp::constant_momentum{0.5}};
  sp::objective<array, sp::direct_copy> objective{sp::direct_copy{}};
};

void checkpoint(std::span<std::byte const> bytes) {
  parts p;
  sp::input_memory const source(bytes);
  try {
    sp::detail::load_parts(source,
                           sp::resume_options{.changed_options = !bytes.empty() && bytes.back() == std::byte{1}},
                           sp::named{"w", p.w}, sp::named{"seen", p.seen}, sp::named{"note", p.note},
                           sp::named{"target", p.target}, sp::named{"objective", p.objective});
  } catch (sp::file_error const&) {
    if (p.w.values != std::vector<float>(4, 1) || p.seen != 3 || p.note != "n" || p.target.step() != 0 ||
        p.objective.step() != 0)
      broken();  // a load that failed has changed nothing
    throw;
  }
}

void safetensors(std::span<std::byte const> bytes) {
  sp::input_memory const source(bytes);
  auto const index = sp::read_safetensors_index(source, {.header = 1 << 20, .tensors = 1000});
  std::uint64_t covered = 0;
  std::vector<std::byte> data;
  for (auto const& [name, e] : index.tensors) {
    data.resize(static_cast<std::size_t>(e.end - e.begin));
    source.read(index.data + e.begin, data);  // throws, and so is found, where the index lies
    covered += data.size();
  }
  if (index.data + covered != bytes.size()) broken();
  auto placed = index;
  std::string const header = sp::place_safetensors(placed);
  auto const again = sp::parse_safetensors(std::string_view(header).substr(8), covered);
  if (again.metadata != index.metadata || again.tensors.size() != index.tensors.size()) broken();
  checkpoint(bytes);
}

void npy(std::span<std::byte const> bytes) {
  sp::input_memory const source(bytes);
  auto const h = sp::read_npy_header(source);
  if (h.data > bytes.size()) broken();
  array y(sp::shape(2, 2));
  sp::detail::read_npy_elements(source, h, sp::strided<float>(sp::detail::operand(y)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* p, std::size_t n) {
  auto const bytes = std::as_bytes(std::span(p, n));
  for (auto* read : {safetensors, npy}) {
    try {
      read(bytes);
    } catch (sp::file_error const&) {
    }
  }
  return 0;
}
