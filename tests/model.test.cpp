// SPDX-License-Identifier: MIT
// What counts as a model, the names of its tensors, and the checked pairing of two.
#include <map>
#include <memory>
#include <selfpred/model.hpp>
#include <selfpred/strided/operations.hpp>

#include "support/allocations.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using matrix = sp::host_array<float>;

namespace net {

matrix filled(double v) { return matrix(sp::shape(1, 2), static_cast<float>(v)); }

struct layer {
  matrix w = filled(1), bias = filled(2);
};
auto parameters(layer& l) { return std::tuple{sp::named{"w", l.w}, sp::named{"bias", l.bias}}; }

struct norm {
  matrix gain = filled(3), mean = filled(4);
  float seen = 0;
};
auto parameters(norm& n) { return std::tie(n.gain); }
auto buffers(norm& n) { return std::tuple{sp::named{"mean", n.mean}, sp::named{"seen", n.seen}}; }

struct encoder {
  std::vector<layer> layers = std::vector<layer>(2);
  norm head;
  float scale = 5;
};
auto parameters(encoder& e) {
  return std::tuple{sp::named{"layers", e.layers}, sp::named{"head", e.head}, sp::named{"scale", e.scale}};
}

// libtorch's way: items with key() and value()
struct entry {
  std::string name;
  matrix tensor;
  std::string const& key() const { return name; }
  matrix& value() { return tensor; }
  matrix const& value() const { return tensor; }
};
struct dictionary {
  std::vector<entry> items{{"a", filled(1)}, {"b.c", filled(2)}};
};
auto& parameters(dictionary& d) { return d.items; }

struct no_model {};

}  // namespace net

namespace foreign {  // a type that is not ours: nothing can be written beside it
struct module_type {
  matrix w = net::filled(6), mean = net::filled(7);
};
}  // namespace foreign
template <>
struct selfpred::model_traits<foreign::module_type> {
  static auto parameters(foreign::module_type& m) { return std::tie(m.w); }
  static auto buffers(foreign::module_type& m) { return std::tie(m.mean); }
};

namespace {

// "name=first element " of everything that is walked
struct listing {
  std::string* out;
  template <class T>
  void operator()(std::string const& name, T& x) const {
    double v;
    if constexpr (sp::tensor<T>)
      v = read(x)(0, 0);
    else
      v = static_cast<double>(x);
    *out += name + "=" + std::to_string(static_cast<int>(v)) + " ";
  }
};
template <class M>
std::string parameters_of(M& m) {
  std::string s;
  sp::for_each_parameter(m, listing{&s});
  return s;
}
template <class M>
std::string buffers_of(M& m) {
  std::string s;
  sp::for_each_buffer(m, listing{&s});
  return s;
}

}  // namespace

TEST_CASE("model: names are paths", "[model]") {
  net::encoder e;
  CHECK(parameters_of(e) == "layers.0.w=1 layers.0.bias=2 layers.1.w=1 layers.1.bias=2 head.0=3 scale=5 ");
  net::encoder const& fixed = e;
  CHECK(parameters_of(fixed) == parameters_of(e));
  matrix bare = net::filled(8);
  CHECK(parameters_of(bare) == "=8 ");
}

TEST_CASE("model: tuples, pairs, ranges, maps, items, foreign types, numbers", "[model]") {
  auto a = net::filled(1), b = net::filled(2);
  auto tied = std::tie(a, b);
  CHECK(parameters_of(tied) == "0=1 1=2 ");
  std::pair<matrix, float> pair{a, 7.0f};
  CHECK(parameters_of(pair) == "0=1 1=7 ");
  std::vector<matrix> list{a, b};
  CHECK(parameters_of(list) == "0=1 1=2 ");
  std::array<net::layer, 1> array;
  CHECK(parameters_of(array) == "0.w=1 0.bias=2 ");
  std::map<std::string, matrix> map{{"z", a}, {"b", b}};
  CHECK(parameters_of(map) == "b=2 z=1 ");
  std::map<std::string, net::layer> nested{{"fc", {}}};
  CHECK(parameters_of(nested) == "fc.w=1 fc.bias=2 ");
  net::dictionary d;
  CHECK(parameters_of(d) == "a=1 b.c=2 ");
  foreign::module_type m;
  CHECK(parameters_of(m) == "0=6 ");
  std::tuple<foreign::module_type, std::vector<net::norm>> mixed{m, std::vector<net::norm>(1)};
  CHECK(parameters_of(mixed) == "0.0=6 1.0.0=3 ");
  std::vector<far::remote> only_move;
  only_move.emplace_back(dense(1, 1, 4));
  CHECK(parameters_of(only_move) == "0=4 ");
}

TEST_CASE("model: buffers", "[model]") {
  net::norm n;
  n.seen = 9;
  CHECK(buffers_of(n) == "mean=4 seen=9 ");
  foreign::module_type const m;
  CHECK(buffers_of(m) == "0=7 ");
  net::layer l;
  CHECK(buffers_of(l).empty());
  static_assert(sp::has_buffers<net::norm> && sp::has_buffers<foreign::module_type> && !sp::has_buffers<net::layer>);
  static_assert(sp::model<net::encoder> && sp::model<net::encoder const> && !sp::model<net::no_model>);
}

TEST_CASE("model: the visitor writes through parameters", "[model]") {
  net::encoder e;
  sp::for_each_parameter(e, [](std::string const& name, auto& x) {
    if constexpr (sp::tensor<decltype(x)>) {
      if (name == "layers.1.bias") x.values[0] = 42;
    } else
      x = -1;
  });
  CHECK(e.layers[1].bias.values[0] == 42);
  CHECK(e.layers[0].bias.values[0] == 2);
  CHECK(e.scale == -1);
}

TEST_CASE("model: pairing visits in step, without allocation", "[model]") {
  net::encoder const a;
  net::encoder b;
  long leaves = 0;
  bool same = true;
  auto const visit = [&](auto const& x, auto& y) {
    ++leaves;
    if constexpr (sp::tensor<decltype(x)>) same = same && x.values == y.values && &x != &y;
  };
  std::map<std::string, matrix> const m{{"a long name that no small string holds", net::filled(1)}};
  std::map<std::string, matrix> n = m;
  net::dictionary const d;
  net::dictionary o;
  allocation_counter scope;
  sp::pair_parameters(a, b, visit);
  sp::pair_parameters(m, n, visit);
  sp::pair_parameters(d, o, visit);
  sp::pair_buffers(a.head, b.head, visit);
  long const count = scope.count();
  CHECK(leaves == 6 + 1 + 2 + 2);
  CHECK(same);
  CHECK(count == 0);
}

TEST_CASE("model: pairing errors name what differs", "[model]") {
  auto const ignore = [](auto const&, auto const&) {};
  net::encoder a, b;
  std::string const count = "selfpred: the two models have a different number of tensors, expected the same";
  b.layers.resize(1);
  CHECK(thrown<sp::shape_error>([&] { sp::pair_parameters(a, b, ignore); }) == count);
  CHECK(thrown<sp::shape_error>([&] { sp::pair_parameters(b, a, ignore); }) == count);
  std::map<std::string, matrix> m{{"w", net::filled(1)}}, n{{"v", net::filled(1)}}, more = m;
  more["x"] = net::filled(2);
  CHECK(thrown<sp::shape_error>([&] { sp::pair_parameters(m, n, ignore); }) ==
        "selfpred: the name of a tensor is 'v', expected 'w'");
  CHECK(thrown<sp::shape_error>([&] { sp::pair_parameters(m, more, ignore); }) == count);
  net::dictionary d, o;
  o.items[1].name = "b.d";
  CHECK(thrown<sp::shape_error>([&] { sp::pair_parameters(d, o, ignore); }) ==
        "selfpred: the name of a tensor is 'b.d', expected 'b.c'");
}
