// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/checkpoint/checkpoint.hpp>
#include <selfpred/selfpred.hpp>

#include "checkpoint/folder.hpp"
#include "support/catch.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Eigen::MatrixXf;

namespace {

struct network {
  MatrixXf w = MatrixXf::Random(3, 4);
  Eigen::VectorXf b = Eigen::VectorXf::Random(4), mean = Eigen::VectorXf::Random(4);
  std::int64_t seen = 1'000'000'007;
};
auto parameters(network& n) { return std::tie(n.w, n.b); }
auto buffers(network& n) { return std::tie(n.mean, n.seen); }
bool same(network const& a, network const& b) {
  return a.w == b.w && a.b == b.b && a.mean == b.mean && a.seen == b.seen;
}

struct run {  // a training run in small
  MatrixXf encoder = MatrixXf::Random(8, 4);
  sp::ema_target<MatrixXf, sp::cosine_momentum> target{encoder, {.base = 0.9, .steps = 100}};
  sp::objective<MatrixXf, sp::newton_schulz> objective{sp::newton_schulz{}, {.alpha = 0.3, .update_every = 2}};
  std::uint64_t random = 1;
  double loss = 0;

  MatrixXf batch() {
    MatrixXf x(16, 8);
    for (auto& v : x.reshaped())
      v = static_cast<float>((random = random * 6364136223846793005u + 1442695040888963407u) >> 40) * 0x1p-23f - 1;
    return x;
  }
  void step() {
    MatrixXf const x1 = batch(), x2 = batch(), z1 = x1 * encoder, z2 = x2 * encoder;
    MatrixXf const t1 = x1 * target.model(), t2 = x2 * target.model();
    auto const r = objective.step(z1, z2, sp::stop_gradient(t1), sp::stop_gradient(t2));
    encoder -= 0.1f * (x1.transpose() * r.gradient1 + x2.transpose() * r.gradient2);
    target.update(encoder);
    loss = r.loss;
  }
  auto parts() {
    return std::tuple{sp::named{"encoder", encoder}, sp::named{"target", target}, sp::named{"objective", objective},
                      sp::named{"random", random}};
  }
};

}  // namespace

TEST_CASE("checkpoint: a run that was resumed is the run that was not stopped, bit for bit", "[checkpoint]") {
  folder const at;
  for (int stop : {0, 1, 2, 7}) {
    std::srand(3);
    run whole;
    for (int k = 0; k < stop; ++k) whole.step();
    sp::save_checkpoint(at / "run.safetensors", whole.parts());
    std::srand(4);
    run again;
    again.step();
    sp::load_checkpoint(at / "run.safetensors", again.parts());
    CHECK(again.objective.state() == whole.objective.state());
    for (int k = 0; k < 6; ++k) {
      whole.step(), again.step();
      CHECK(whole.loss == again.loss);
      CHECK(whole.encoder == again.encoder);
      CHECK(whole.target.model() == again.target.model());
      CHECK(whole.target.step() == again.target.step());
    }
  }
}

TEST_CASE("checkpoint: models with buffers, numbers, strings, lists of numbers", "[checkpoint]") {
  folder const at;
  network n;
  std::string const state = "mt19937 \"1 2 3\"\n";
  std::vector<double> const losses = {0.1, 1e-300, std::numeric_limits<double>::infinity()};
  bool const done = true;
  float const tiny = 1e-45f;
  sp::save_checkpoint(at / "x", sp::named{"net", n}, sp::named{"rng", state}, sp::named{"losses", losses},
                      sp::named{"done", done}, sp::named{"tiny", tiny});
  auto const index = sp::read_safetensors_index(sp::input_file(at / "x"));
  std::vector<std::string> names;
  for (auto const& [name, e] : index.tensors) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"done", "losses", "net.0", "net.1", "net.buffers.0", "net.buffers.1", "tiny"});
  network m;
  std::string rng;
  std::vector<double> l(3);
  bool d = false;
  float t = 0;
  sp::load_checkpoint(at / "x", sp::named{"net", m}, sp::named{"rng", rng}, sp::named{"losses", l},
                      sp::named{"done", d}, sp::named{"tiny", t});
  CHECK(same(n, m));
  CHECK((rng == state && l == losses && d && t == tiny));
  network part;
  sp::load_checkpoint(at / "x", sp::named{"net", part});  // what is not asked for is left alone
  CHECK(same(n, part));
}

TEST_CASE("checkpoint: what is written can be read by people", "[checkpoint]") {
  folder const at;
  std::srand(3);
  run r;
  r.step();
  sp::save_checkpoint(at / "x", r.parts());
  auto const m = sp::read_safetensors_index(sp::input_file(at / "x")).metadata;
  CHECK(m.at("target.step") == "1");
  CHECK(m.at("target.schedule") == R"({"type":"cosine_momentum","base":0.9,"end":1.0,"steps":100})");
  CHECK(std::stod(m.at("target.momentum")) == r.target.momentum());
  CHECK_THAT(m.at("objective.options"), ContainsSubstring(R"("alpha":0.3,"predictor_momentum":0.99,"update_every":2)"));
  CHECK(m.at("objective.momentum_product") == "0.99");
  CHECK(m.at("selfpred.format") == "1");
}

TEST_CASE("checkpoint: another model, schedule or option is an error that names it, and nothing is changed",
          "[checkpoint]") {
  folder const at;
  std::srand(3);
  run r;
  for (int k = 0; k < 3; ++k) r.step();
  sp::save_checkpoint(at / "x", r.parts());
  auto const refuses = [&](auto& part, char const* name, char const* why) {
    CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{name, part}),
                      ContainsSubstring(why) && ContainsSubstring((at / "x").string()));
  };
  MatrixXf narrow = MatrixXf::Zero(8, 3), fits = MatrixXf::Zero(8, 4);
  Eigen::MatrixXd wide = Eigen::MatrixXd::Zero(8, 4);
  auto two = std::tie(fits, narrow);
  refuses(narrow, "encoder", "the shape of 'encoder' is 8 x 4, expected 8 x 3");
  refuses(wide, "encoder", "the dtype of 'encoder' is F32, expected F64");
  refuses(two, "encoder", "there is no tensor 'encoder.0', expected one");
  refuses(fits, "other", "there is no tensor 'other', expected one");
  sp::ema_target shorter{fits, sp::cosine_momentum{.base = 0.9, .steps = 50}};
  refuses(shorter, "target",
          R"('target.schedule' is {"type":"cosine_momentum","base":0.9,"end":1.0,"steps":100}, expected)");
  sp::ema_target mine{fits, [](std::int64_t) { return 0.99; }};
  refuses(mine, "target", "is {\"type\":\"cosine_momentum\"");
  CHECK(shorter.step() == 0);
  CHECK(fits.norm() == 0);
  sp::objective<MatrixXf, sp::newton_schulz> other{sp::newton_schulz{}, {.alpha = 0.2}};
  refuses(other, "objective", "'objective.options' is {");
  refuses(other, "objective", "resume_options{.changed_options = true}");
  CHECK(other.step() == 0);
  sp::load_checkpoint(at / "x", {.changed_options = true}, sp::named{"objective", other}, sp::named{"target", shorter});
  CHECK(other.state() == r.objective.state());
  CHECK(shorter.step() == 3);
  CHECK(shorter.model() == r.target.model());

  // the first part fits, the second does not: the first is as it was
  CHECK_THROWS(sp::load_checkpoint(at / "x", sp::named{"encoder", fits}, sp::named{"target", narrow}));
  CHECK(fits.norm() == 0);
  network n;
  sp::save_checkpoint(at / "n", sp::named{"net", n});
  auto one = std::tie(n.w);
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "n", sp::named{"net", one}),
                    ContainsSubstring("a tensor 'net.1' that the model has not"));
}

TEMPLATE_TEST_CASE("checkpoint: an objective goes on with its rule alone", "[checkpoint]", sp::newton_schulz,
                   sp::stiefel, sp::visser, sp::neumann, sp::direct_pred, sp::direct_copy, sp::linear_regression) {
  folder const at;
  sp::objective_options const options{.predictor_momentum = 0.5, .statistics_momentum = 0.0};
  sp::objective<Eigen::MatrixXd, TestType> a{TestType{}, options};
  a.restore({2, 2, 0.25, 2, {1, 2, 3, 4}}, Eigen::MatrixXd());
  sp::save_checkpoint(at / "x", sp::named{"o", a});
  CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).metadata.at("o.rule") == sp::describe(a.rule()).dump());
  sp::objective<Eigen::MatrixXd, TestType> b{TestType{}, options};
  sp::load_checkpoint(at / "x", sp::named{"o", b});
  CHECK((b.state() == a.state() && b.predictor() == a.predictor()));
}

TEST_CASE("checkpoint: another rule, or the rule with other options, is refused by name", "[checkpoint]") {
  folder const at;
  std::srand(3);
  run r;
  r.step();
  sp::save_checkpoint(at / "x", r.parts());
  sp::objective_options const same{.alpha = 0.3, .update_every = 2};
  sp::objective<MatrixXf, sp::newton_schulz> fewer{sp::newton_schulz{.iterations = 7}, same};
  sp::objective<MatrixXf, sp::direct_copy> other{sp::direct_copy{}, same};
  auto const refuses = [&](auto& o, char const* why) {
    CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{"objective", o}),
                      ContainsSubstring("'objective.rule' is {\"type\":\"newton_schulz\",") && ContainsSubstring(why));
    CHECK(o.step() == 0);
  };
  refuses(fewer, R"(they part at `"iterations":9`, expected `"iterations":7`)");
  refuses(other, R"(they part at `"type":"newton_schulz"`, expected `"type":"direct_copy"`)");
  sp::load_checkpoint(at / "x", {.changed_options = true}, sp::named{"objective", fewer});
  CHECK(fewer.state() == r.objective.state());
}

TEST_CASE("checkpoint: predictors of each view and averages of statistics go on bit for bit", "[checkpoint]") {
  folder const at;
  using M = Eigen::MatrixXd;
  auto const make = [] {  // it reads X: all that an objective can keep
    return sp::objective<M, sp::linear_regression>{
        sp::linear_regression{.damping = 0.1},
        {.alpha = 0.1, .update_every = 2, .statistics_momentum = 0.8, .per_direction = true}};
  };
  for (int stop : {0, 1, 4}) {
    std::srand(5);
    auto whole = make(), again = make();
    M const encoder = M::Random(6, 3);
    auto const step = [&](auto& o, M const& x1, M const& x2) {
      M const z1 = x1 * encoder, z2 = x2 * encoder, t1 = z1.array().sin(), t2 = z2.array().sin();
      auto const r = o.step(z1, z2, sp::stop_gradient(t1), sp::stop_gradient(t2));
      return std::tuple{r.loss, M(r.gradient1), M(r.gradient2)};
    };
    for (int k = 0; k < stop; ++k) step(whole, M::Random(10, 6), M::Random(10, 6));
    sp::save_checkpoint(at / "x", sp::named{"o", whole});
    if (stop > 0)
      for (char const* name : {"o.average", "o.covariance", "o.cross", "o.view1.covariance", "o.view1.cross"})
        CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).tensors.contains(name));
    sp::load_checkpoint(at / "x", sp::named{"o", again});
    for (int k = 0; k < 4; ++k) {
      M const x1 = M::Random(10, 6), x2 = M::Random(10, 6);
      CHECK(step(whole, x1, x2) == step(again, x1, x2));
    }
    for (std::size_t view : {0, 1}) {
      CHECK(whole.state(view) == again.state(view));
      CHECK(whole.predictor(view) == again.predictor(view));
    }
    CHECK(whole.state(0) != whole.state(1));
  }
}

TEST_CASE("checkpoint: a target of bfloat16 goes on in its float shadow bit for bit", "[checkpoint]") {
  folder const at;
  using vector = Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, 1>;
  using model = std::tuple<vector, MatrixXf>;
  auto const theta = [](int k) {
    model m{vector(40), MatrixXf(2, 3)};
    for (int i = 0; i < 40; ++i) std::get<0>(m)[i] = Eigen::bfloat16(std::sin(0.3f * static_cast<float>(i + k)));
    for (int i = 0; i < 6; ++i) std::get<1>(m).data()[i] = std::cos(0.2f * static_cast<float>(i + k));
    return m;
  };
  for (auto back : {sp::cast_back::nearest, sp::cast_back::stochastic, sp::cast_back::on_request}) {
    auto const make = [&] {
      return sp::ema_target{theta(0), sp::cosine_momentum{.base = 0.99, .steps = 40}, sp::ema_options{.narrow = back}};
    };
    auto whole = make(), again = make();
    for (int k = 0; k < 7; ++k) whole.update(theta(k + 1));
    if (back == sp::cast_back::on_request) {
      CHECK_THROWS_AS(sp::save_checkpoint(at / "x", sp::named{"t", whole}), sp::state_error);  // refresh() first
      whole.refresh();
    }
    sp::save_checkpoint(at / "x", sp::named{"t", whole});
    CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).tensors.at("t.shadow.0").type == sp::dtype::f32);
    sp::load_checkpoint(at / "x", sp::named{"t", again});
    for (int k = 7; k < 20; ++k) whole.update(theta(k + 1)), again.update(theta(k + 1));
    if (back == sp::cast_back::on_request) whole.refresh(), again.refresh();
    auto const shadow = [](auto& t) {
      std::vector<float> all;
      t.for_each_shadow([&](std::string const&, auto const& v) { all.assign(v.data, v.data + v.shape().size()); });
      return all;
    };
    CHECK(shadow(whole) == shadow(again));
    CHECK(shadow(whole)[3] != static_cast<float>(std::get<0>(whole.model())[3]));  // the model alone is not enough
    for (int i = 0; i < 40; ++i) REQUIRE(std::get<0>(whole.model())[i] == std::get<0>(again.model())[i]);
    CHECK(std::get<1>(whole.model()) == std::get<1>(again.model()));
  }
}

TEST_CASE("checkpoint: a schedule that says nothing of itself is told by its tau", "[checkpoint]") {
  folder const at;
  MatrixXf w = MatrixXf::Ones(1, 1);
  double tau = 0.5;
  auto const schedule = [&tau](std::int64_t k) { return k > 0 ? tau : 0; };
  sp::ema_target a{w, schedule}, b{w, schedule};
  a.update(w);
  sp::save_checkpoint(at / "x", sp::named{"t", a});
  tau = 0.75;
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{"t", b}),
                    ContainsSubstring("'t.momentum', tau of step 1 is 0.5, expected 0.75"));
  tau = 0.5;
  sp::load_checkpoint(at / "x", sp::named{"t", b});
  CHECK(b.step() == 1);
}

TEST_CASE("checkpoint: a state that no run can have is refused, and every objective is as it was", "[checkpoint]") {
  folder const at;
  std::srand(3);
  run r, s;
  for (int k = 0; k < 3; ++k) r.step(), s.step();
  auto const before = s.objective.state();
  MatrixXf const encoder = s.encoder;
  sp::save_checkpoint(at / "x", r.parts());
  auto const spoil = [&](std::string const& from, std::string const& to) {
    REQUIRE(from.size() == to.size());
    std::string bytes = content(at / "x");
    REQUIRE(bytes.find(from) != bytes.npos);
    bytes.replace(bytes.find(from), from.size(), to);
    write_content(at / "y", bytes);
    CHECK_THROWS_AS(sp::load_checkpoint(at / "y", s.parts()), sp::file_error);
    CHECK(s.objective.state() == before);
    CHECK(s.encoder == encoder);
  };
  spoil("refreshes\":\"2\"", "refreshes\":\"0\"");
  spoil("refreshes\":\"2\"", "refreshes\":\"x\"");
  spoil("target.step\":\"3\"", "target.step\":\"9\"");
  spoil("selfpred.format\":\"1\"", "selfpred.format\":\"2\"");
  spoil("objective.average", "objective.averagE");
  std::string nan = content(at / "x");  // the first value of P_bar
  auto const index = sp::read_safetensors_index(sp::input_file(at / "x"));
  std::memset(nan.data() + index.data + index.tensors.at("objective.average").begin, 0xff, 8);
  write_content(at / "y", nan);
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "y", s.parts()), ContainsSubstring("objective.restore: average"));
  CHECK(s.objective.state() == before);
  sp::load_checkpoint(at / "x", s.parts());
  CHECK(s.objective.state() == r.objective.state());
}

TEST_CASE("checkpoint: bits of narrow types, of a read-only list, of a tensor without memory", "[checkpoint]") {
  folder const at;
  Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, Eigen::Dynamic> b(2, 3), c(2, 3);
  for (int i = 0; i < 6; ++i)
    b(i) = Eigen::bfloat16_impl::raw_uint16_to_bfloat16(static_cast<std::uint16_t>(0x7f81 + 17 * i));
  Eigen::Matrix<Eigen::half, Eigen::Dynamic, Eigen::Dynamic> h(1, 2), k(1, 2);
  h << Eigen::half(0.1f), Eigen::half(-65504.f);
  far::remote far(dense(2, 2, 0.1)), near(dense(2, 2, 0));
  sp::save_checkpoint(at / "x", sp::named{"b", b}, sp::named{"h", h}, sp::named{"far", far});
  sp::load_checkpoint(at / "x", sp::named{"b", c}, sp::named{"h", k}, sp::named{"far", near});
  CHECK(std::memcmp(b.data(), c.data(), 12) == 0);
  CHECK(std::memcmp(h.data(), k.data(), 4) == 0);
  CHECK(near.secret.v == far.secret.v);
  CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).tensors.at("b").type == sp::dtype::bf16);
}

TEST_CASE("checkpoint: an optimiser goes on with its moments, its step and its rate", "[checkpoint]") {
  folder const at;
  std::vector<MatrixXf> w{MatrixXf::Random(3, 4), MatrixXf::Random(4, 1)},
      g{MatrixXf::Random(3, 4), MatrixXf::Random(4, 1)};
  sp::fused_update whole{sp::adamw{}, w}, again{sp::adamw{}, w};
  whole(w, g), whole.rule().rate = 0.25, whole(w, g);
  sp::save_checkpoint(at / "x", sp::named{"w", w}, sp::named{"adam", whole});
  auto const index = sp::read_safetensors_index(sp::input_file(at / "x"));
  CHECK(index.tensors.at("adam.1.0").extent == std::vector<std::uint64_t>{3, 4});
  auto v = w;
  for (auto& x : v) x.setZero();
  sp::load_checkpoint(at / "x", sp::named{"w", v}, sp::named{"adam", again});
  CHECK((again.step() == 2 && again.rule().rate == 0.25));
  whole(w, g), again(v, g);
  CHECK(w == v);
  sp::fused_update other{sp::adamw{.beta1 = 0.8}, w};
  sp::fused_update sgd{sp::sgd{}, w};
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{"adam", other}),
                    ContainsSubstring("'adam.rule' is {\"type\":\"adamw\""));
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{"adam", sgd}),
                    ContainsSubstring("'adam.1.0' that the model has not"));
  CHECK((other.step() == 0 && sgd.step() == 0));
}

TEST_CASE("checkpoint: a model alone has the names of its own", "[checkpoint]") {
  folder const at;
  MatrixXf w = MatrixXf::Random(2, 2), v = w, mean = MatrixXf::Random(1, 2);
  std::map<std::string, MatrixXf> layers{{"fc.weight", w}, {"fc.bias", mean}};
  sp::save_safetensors(at / "x", layers);
  CHECK(sp::read_safetensors_index(sp::input_file(at / "x")).metadata.empty());
  std::map<std::string, MatrixXf> other{{"fc.weight", v * 0}, {"fc.bias", mean * 0}};
  sp::load_safetensors(at / "x", other);
  CHECK(other == layers);
  other.erase("fc.bias");
  CHECK_THROWS_WITH(sp::load_safetensors(at / "x", other),
                    ContainsSubstring("a tensor 'fc.bias' that the model has not"));
  CHECK_THROWS_WITH(sp::load_checkpoint(at / "x", sp::named{"fc", w}),
                    ContainsSubstring("'selfpred.format' is not there, expected '1'"));
}

TEST_CASE("checkpoint: names that cannot be told apart are refused, and no file is touched", "[checkpoint]") {
  folder const at;
  int a = 1, b = 2;
  std::string s;
  CHECK_THROWS_WITH(sp::save_checkpoint(at / "x", sp::named{"a", a}, sp::named{"a", b}),
                    ContainsSubstring("two tensors have the name 'a'"));
  for (char const* name : {"", "a.b", "selfpred"})
    CHECK_THROWS_AS(sp::save_checkpoint(at / "x", sp::named{name, a}), sp::domain_error);
  CHECK_THROWS_AS(sp::save_checkpoint(at / "x", sp::named{"s", s}, sp::named{"s", s}), sp::domain_error);
  CHECK_THROWS_AS(sp::save_checkpoint(at / "x", sp::named{"\xff", a}), sp::domain_error);
  CHECK(at.files() == 0);
}
