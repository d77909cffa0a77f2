// SPDX-License-Identifier: MIT
// exchange write|read <folder>: our half of python.sh. What python.py writes we read, and the other way round.
#include <cstdio>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/checkpoint/npy.hpp>
#include <selfpred/selfpred.hpp>

namespace sp = selfpred;

namespace {

// The same numbers on both sides: value i is i * i - 7 i, in the range of every type.
template <class S>
sp::host_array<S> numbers(sp::shape const& s) {
  sp::host_array<S> x(s);
  for (std::size_t i = 0; i < x.values.size(); ++i)
    x.values[i] = static_cast<S>(static_cast<float>((i * i + 100 - 7 * i) % 100));
  return x;
}
auto all() {
  sp::shape const cube(std::array{2, 3, 4}), row(std::array{5}), none(std::array{3, 0});
  return std::tuple{numbers<float>(cube),
                    numbers<double>(row),
                    numbers<Eigen::half>(cube),
                    numbers<Eigen::bfloat16>(row),
                    numbers<std::int8_t>(cube),
                    numbers<std::uint8_t>(row),
                    numbers<std::int16_t>(cube),
                    numbers<std::uint16_t>(row),
                    numbers<std::int32_t>(cube),
                    numbers<std::uint32_t>(row),
                    numbers<std::int64_t>(sp::shape()),
                    numbers<std::uint64_t>(none)};
}
constexpr char const* names[] = {"f32", "f64", "f16", "bf16", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"};

int failures = 0;
void expect(bool holds, std::string const& what) {
  if (!holds) ++failures, std::printf("differs: %s\n", what.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::filesystem::path const folder = argv[2];
  auto mine = all();
  auto const each = [&](auto f) {
    std::size_t i = 0;
    std::apply([&](auto&... x) { (f(names[i++], x), ...); }, mine);
  };
  bool const write = argv[1][0] == 'w';
  if (write) {
    std::map<std::string, sp::host_array<float>> plain{{"fc.weight", numbers<float>(sp::shape(3, 2))}};
    sp::save_safetensors(folder / "plain.safetensors", plain);
    Eigen::MatrixXf const w = Eigen::MatrixXf::Constant(2, 3, 0.5f);
    sp::ema_target target{w, sp::cosine_momentum{.base = 0.9, .steps = 100}};
    target.update(w);
    sp::save_checkpoint(folder / "ours.safetensors", sp::named{"all", mine}, sp::named{"target", target});
    sp::save_npy(folder / "columns.npy", Eigen::MatrixXf(Eigen::MatrixXf::Constant(2, 3, 0.5f)));
    each([&](std::string const& name, auto const& x) { sp::save_npy(folder / (name + ".npy"), x); });
    return 0;
  }
  std::map<std::string, sp::host_array<float>> plain{{"fc.weight", sp::host_array<float>(sp::shape(3, 2))}};
  sp::load_safetensors(folder / "theirs_plain.safetensors", plain);
  expect(plain.at("fc.weight").values == numbers<float>(sp::shape(3, 2)).values, "theirs_plain.safetensors");
  each([&](std::string const& name, auto& x) {
    if (name == "bf16" && !exists(folder / "theirs_bf16.safetensors")) return;  // no ml_dtypes there
    auto const expected = x.values;
    x.values.assign(x.values.size(), {});
    std::map<std::string, std::remove_reference_t<decltype(x)>> one{{name, x}};
    sp::load_safetensors(folder / ("theirs_" + name + ".safetensors"), one);
    expect(one.at(name).values == expected, "theirs_" + name + ".safetensors");
    for (std::string order : {"c", "fortran"}) {
      if (name == "bf16") continue;  // numpy has none
      x.values.assign(x.values.size(), {});
      sp::load_npy(folder / ("theirs_" + name + "_" + order + ".npy"), x);
      expect(x.values == expected, "theirs_" + name + "_" + order + ".npy");
    }
    x.values = expected;
  });
  std::printf("%d differences\n", failures);
  return failures;
}
