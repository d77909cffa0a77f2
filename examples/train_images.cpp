// SPDX-License-Identifier: MIT
// Trains a small convolutional encoder without labels, once for each predictor, and prints what a linear classifier and
// the nearest neighbours make of it, and how P and the latents changed on the way. Fashion-MNIST where it is installed,
// embedded 8x8 digits where not.

#include "support/evaluation.hpp"
#include "support/images.hpp"
#include "support/report.hpp"
#include "support/training.hpp"
#include "support/trajectory.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace sp = selfpred;
using support::matrix;

struct arguments {
  bool quick = false, all = false, validate = false;
  std::vector<std::string> predictors;
  std::optional<double> alpha;
  std::optional<int> epochs;
  std::optional<long> images, batch;
  std::uint64_t seed = 1;
  int seeds = 1;
  std::string data;
  std::filesystem::path out = ".";
};

/// What every row works on.
struct task {
  support::data_set data;
  support::settings settings;
  bool validate;

  auto evaluated() const -> support::image_set const& { return validate ? data.held_out : data.test; }
};

auto accuracies(task const& t, matrix const& train, matrix const& held_out, matrix const& test) -> support::measures {
  auto const scores =
      support::judge(train, t.data.train, held_out, t.data.held_out, test, t.evaluated(), t.data.classes);
  auto result = support::measures{};
  result.fill(support::none);
  result[support::probe] = scores.probe, result[support::neighbours] = scores.neighbours;
  return result;
}

auto measure_encoder(task const& t, support::encoder<float>& model) -> support::measures {
  auto const train = support::encode(model, t.data.train.images), test = support::encode(model, t.evaluated().images);
  auto const held_out = support::encode(model, t.data.held_out.images);
  auto result = accuracies(t, train.representation, held_out.representation, test.representation);
  auto spread = sp::diagnostics::feature_std<matrix>{};
  spread.add(test.latents);
  result[support::feature_std] = spread.relative();
  auto sums = support::wide_statistics(test.latents, test.latents);
  result[support::effective_rank_of_latents] = sp::diagnostics::rank_me(sums.compute());
  return result;
}

/// What a row of the table comes from: numbers for the table, and for the figure over training.
struct outcome {
  support::measures measures;
  std::vector<support::snapshot> points;
};

/// A way to learn: what a step calls, the same with the P there is, P before alpha I, and what the objective says of
/// itself; the second and the last where there are any.
struct learner {
  support::objective_step step, loss;
  std::function<matrix()> predictor;
  std::function<sp::objective_status()> status;
};

auto measure_training(task const& t, std::string const& name, learner const& how) -> outcome {
  auto line = support::progress_line{name + ", seed " + std::to_string(t.settings.seed)};
  auto points = std::vector<support::snapshot>{};
  auto const look = [&](long step, matrix const& z1, matrix const& z2) {
    points.push_back(support::look_at(how.predictor(), z1, z2, step));
  };
  auto run = support::train(t.data.train, t.data.side, t.settings, how.step, how.loss, look, line);
  auto result = measure_encoder(t, run.model);
  result[support::loss] = run.loss;
  if (how.status) {
    auto const status = how.status();
    if (status.alpha > 0) result[support::norm_over_alpha] = status.predictor_norm / status.alpha;
    for (auto const& caution : status.cautions) std::cerr << name << ": " << caution << '\n';
  }
  result[support::stable_rank] = points.back().stable_rank, result[support::trace] = points.back().trace;
  result[support::polar_distance] = points.back().polar_distance;
  result[support::milliseconds] = run.milliseconds, result[support::share] = 100 * run.share;
  result[support::predictor_share] = 100 * run.predictor_share;
  return {result, std::move(points)};
}

/// One line of the table: `measure` trains once, with the task's seed.
struct row {
  std::string name;
  bool standard;                // shown without --all
  std::optional<double> alpha;  // default; nothing where alpha has no meaning
  std::function<outcome(task const&, row const&)> measure;
};

auto raw_pixels(task const& t, row const&) -> outcome {
  return {accuracies(t, t.data.train.images, t.data.held_out.images, t.evaluated().images), {}};
}

auto random_encoder(task const& t, row const&) -> outcome {
  auto model = support::encoder<float>{t.data.side, {t.settings.seed, 0}};
  return {measure_encoder(t, model), {}};
}

/// P starts at the identity; it stays there, or the optimiser of the encoder trains it.
auto linear(bool trained) {
  return [trained](task const& t, row const& r) {
    auto objective = sp::make_objective<matrix>(sp::trainable_linear{});
    auto const f = support::encoder<float>::latent_size;
    auto predictor = matrix::Identity(f, f).eval(), velocity = matrix::Zero(f, f).eval();
    auto const step = [&](auto const& z1, auto const& z2, auto const& t1, auto const& t2, double rate) {
      auto const result = objective.step(z1, z2, t1, t2, predictor);
      if (trained)
        support::descend(std::tie(predictor), std::tie(result.predictor_gradient), std::tie(velocity), rate,
                         t.settings);
      return result;
    };
    return measure_training(t, r.name, {step, {}, [&] { return predictor; }, {}});
  };
}

template <class Rule>
auto closed_form(Rule rule, sp::objective_options options = {}) {
  return [rule, options](task const& t, row const& r) {
    auto o = options;
    o.alpha = *r.alpha;
    auto objective = sp::make_objective<matrix>(rule, o);
    auto const step = [&](auto const& z1, auto const& z2, auto const& t1, auto const& t2, double) {
      return objective.step(z1, z2, t1, t2);
    };
    auto const loss = [&](auto const& z1, auto const& z2, auto const& t1, auto const& t2, double) {
      return objective.evaluate(z1, z2, t1, t2);
    };
    auto const predictor = [&] {
      auto p = objective.predictor();
      p.diagonal().array() -= static_cast<float>(o.alpha);
      return p;
    };
    return measure_training(t, r.name, {step, loss, predictor, [&] { return objective.status(); }});
  };
}

auto all_rows() -> std::vector<row> {
  return {
      {"raw_pixels", true, {}, raw_pixels},
      {"random_encoder", true, {}, random_encoder},
      {"no_predictor", true, {}, linear(false)},
      {"trainable_linear", true, {}, linear(true)},
      {"linear_regression", false, 0.3, closed_form(sp::linear_regression{.damping = 1e-3})},
      {"direct_copy", true, 0.3, closed_form(sp::direct_copy{})},
      {"direct_pred", false, 0.3, closed_form(sp::direct_pred{})},
      {"direct_pred_published", false, 0.0, closed_form(sp::direct_pred::published(), {.predictor_momentum = 0})},
      {"neumann", false, 0.3, closed_form(sp::neumann{})},
      {"visser", false, 0.3, closed_form(sp::visser{})},
      {"newton_schulz", true, 0.3, closed_form(sp::newton_schulz{.iterations = 9})},
      {"newton_schulz_stages_2", false, 0.3, closed_form(sp::newton_schulz{.iterations = 7, .stages = 2})},
      {"stiefel", true, 0.3, closed_form(sp::stiefel{.iterations = 9})},
      {"stiefel_rescale_spectral", false, 0.3,
       closed_form(sp::stiefel{.iterations = 9}, {.rescale = sp::rescaling::spectral})},
  };
}

/// Fills the arguments; gives the exit status where the program ends here.
auto parse(int argc, char** argv, std::vector<row> const& rows, arguments& a) -> std::optional<int> {
  auto app = CLI::App{
      "Trains an image encoder by self-prediction, once a predictor, and prints a table of linear-probe and\n"
      "nearest-neighbour accuracies. Writes table.csv and trajectory.csv, and figure.svg and trajectory.svg where\n"
      "gnuplot is installed.\n"};
  auto names = std::vector<std::string>{};
  for (auto const& r : rows) names.push_back(r.name);
  app.add_flag("--quick", a.quick, "fewer images and epochs: under a minute on two cores");
  auto* const all = app.add_flag("--all", a.all, "every row there is");
  app.add_option("--predictor", a.predictors, "a row to show (may be given again)")
      ->check(CLI::IsMember(names))
      ->excludes(all)
      ->allow_extra_args(false);
  app.add_option("--alpha", a.alpha, "ridge on P, for every closed-form row [0.3]")->check(CLI::Range(0.0, 1e6));
  app.add_option("--epochs", a.epochs, "passes over the images [20; digits 60]")->check(CLI::Range(1, 100'000));
  app.add_option("--images", a.images, "training images [10000; digits 1200]")->check(CLI::Range(2L, 1'000'000L));
  app.add_option("--batch", a.batch, "images in a step [128]")->check(CLI::Range(2L, 65'536L));
  app.add_option("--seed", a.seed, "first seed")->capture_default_str();
  app.add_option("--seeds", a.seeds, "number of seeds; their mean and standard deviation are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--data", a.data,
                 "folder with the four IDX files of Fashion-MNIST, or 'none' for the embedded digits\n"
                 "[$SELFPRED_DATA, then where Debian's dataset-fashion-mnist puts it, then the digits]");
  app.add_option("--out", a.out, "folder for the files")->capture_default_str();
  app.add_flag("--validate", a.validate, "evaluate on held-out training images and leave the test images alone");
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return {};
}

auto make_task(arguments const& a) -> task {
  auto t = task{support::find_images(a.data, SELFPRED_EXAMPLES_DIR "/.."), {}, a.validate};
  auto const small = t.data.side < 16;
  auto const wanted = a.images.value_or(small ? 0 : a.quick ? 4'000 : 10'000);
  if (wanted > 0) support::keep_first(t.data.train, wanted);
  t.settings.epochs = a.epochs.value_or(small ? (a.quick ? 20 : 60) : (a.quick ? 6 : 20));
  t.settings.batch = a.batch.value_or(t.settings.batch);
  if (t.settings.batch > t.data.train.images.rows())
    throw support::bad_input{"--batch: got " + std::to_string(t.settings.batch) + ", expected at most the " +
                             std::to_string(t.data.train.images.rows()) + " training images"};
  if (small) t.settings.views = {.smallest_area = 0.6, .flip = 0, .contrast = 0.2, .brightness = 0.1, .erase = 0};
  return t;
}

auto run(arguments const& a, std::vector<row> rows) -> int {
  auto t = make_task(a);
  std::erase_if(rows, [&](row const& r) {
    auto const named = std::find(a.predictors.begin(), a.predictors.end(), r.name) != a.predictors.end();
    return a.predictors.empty() ? !a.all && !r.standard : !named;
  });
  create_directories(a.out);
  std::cout << t.data.name << ": " << t.data.train.images.rows() << " training images, " << t.settings.epochs
            << " epochs of batch " << t.settings.batch << ", evaluated on " << t.evaluated().images.rows()
            << (a.validate ? " held-out training images" : " test images") << ", " << a.seeds << " seed"
            << (a.seeds > 1 ? "s" : "") << std::endl;
  auto names = std::vector<std::string>{};
  for (auto const& r : rows) names.push_back(r.name);
  auto printed = support::printed_table{std::cout, names, a.seeds};
  auto table = std::vector<support::table_row>{};
  auto runs = std::vector<support::trajectory>{};
  for (auto& r : rows) {
    if (a.alpha && r.alpha) r.alpha = a.alpha;
    auto& line = table.emplace_back(support::table_row{r.name, r.alpha, {}});
    for (int s = 0; s < a.seeds; ++s) {
      t.settings.seed = a.seed + static_cast<std::uint64_t>(s);
      auto [measures, points] = r.measure(t, r);
      line.seeds.push_back(measures);
      if (!points.empty()) runs.push_back({r.name, t.settings.seed, std::move(points)});
    }
    printed.add(line);
    support::write_file(a.out / "table.csv", support::csv(table));  // after every row: a stopped run keeps its rows
    support::write_file(a.out / "trajectory.csv", support::csv(runs));
  }
  auto const drawn = [&](char const* script, char const* data, char const* figure) {
    auto const folder = std::filesystem::path{SELFPRED_EXAMPLES_DIR};
    auto const done = support::draw_figure(folder / script, a.out / data, a.out / figure);
    std::cout << (done ? "wrote " : "not drawn, gnuplot is missing or failed: ") << (a.out / figure).string() << '\n';
  };
  std::cout << "wrote " << (a.out / "table.csv").string() << " and " << (a.out / "trajectory.csv").string() << '\n';
  drawn("figure.gp", "table.csv", "figure.svg");
  if (!runs.empty()) drawn("trajectory.gp", "trajectory.csv", "trajectory.svg");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Eigen::setNbThreads(1);  // the lanes share out the work: results then do not depend on the number of threads
  auto a = arguments{};
  auto const rows = all_rows();
  if (auto const status = parse(argc, argv, rows, a)) return *status;
  try {
    return run(a, rows);
  } catch (support::bad_input const& e) {
    std::cerr << "train_images: " << e.what() << '\n';
    return 2;
  } catch (std::exception const& e) {
    std::cerr << "train_images: " << e.what() << '\n';
    return 1;
  }
}
