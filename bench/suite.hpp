// SPDX-License-Identifier: MIT
// One group of cases: each runs ours, its peers and the machine's limit by turns, in random order and repeatedly, and
// the medians are compared. Before that every variant runs once from the same start and must agree with ours.
#pragma once
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>
#include <map>
#include <regex>

#include "blas.hpp"
#include "limits.hpp"
#include "ratios.hpp"

namespace bench {

struct variant {
  std::string name;  // the first of a case is ours
  std::function<void()> run;
  std::function<std::vector<double>()> result;
  bool same_kernel = false;  // ours is one call of this peer's kernel: its ratio says nothing, and meets no goal
  bool share = false;        // ours without a part: 1 - ratio is that part's share of ours
};

struct comparison {
  std::vector<variant> variants;
  bench::limit limit;
  std::function<void()> reset = [] {};
  double tolerance = 1e-4;
};

class suite {
 public:
  suite(std::string group, int argc, char** argv) : group_(std::move(group)) {
    blas::know_the_core(argv);
    // Defaults that the command line may override.
    std::vector<std::string> words = {argv[0], "--benchmark_repetitions=11", "--benchmark_min_time=0.03",
                                      "--benchmark_enable_random_interleaving=true"};
    words.insert(words.end(), argv + 1, argv + argc);
    std::vector<char*> arguments;
    for (auto& w : words) arguments.push_back(w.data());
    repetitions_given_ = std::any_of(argv + 1, argv + argc,
                                     [](std::string_view w) { return w.starts_with("--benchmark_repetitions="); });
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) std::exit(1);
    filter_ = benchmark::GetBenchmarkFilter();
    if (filter_ == "all" || filter_ == ".") filter_.clear();
    Eigen::setNbThreads(1);
    blas_ = blas::start();
    std::fprintf(stderr, "%s, products %s: %s\n", group_.c_str(), engine_name, about().c_str());
  }

  /// Runs a case at once, and frees its data. The filter of Google Benchmark's command line picks cases.
  void add(std::string const& name, std::function<comparison()> const& make) {
    std::string const full = group_ + "/" + name;
    if (!filter_.empty() && !std::regex_search(full, std::regex(filter_))) return;
    comparison const c = make();
    double const seconds = expect_agreement(full, c);

    benchmark::ClearRegisteredBenchmarks();
    auto const enter = [&](std::string const& label, std::function<void()> const& run) {
      auto* const entered = benchmark::RegisterBenchmark(label.c_str(), [&run](benchmark::State& state) {
        for (auto _ : state) {
          run();
          benchmark::ClobberMemory();
        }
      });
      entered->Unit(benchmark::kMillisecond);
      if (!repetitions_given_) entered->Repetitions(repetitions(seconds));
    };
    for (auto const& v : c.variants) enter(v.name, v.run);
    if (c.limit.run) enter("limit", c.limit.run);
    collector times;
    benchmark::RunSpecifiedBenchmarks(&times, ".");
    benchmark::ClearRegisteredBenchmarks();
    if (times.of.empty()) return;  // only listed

    double const ours = times.median(c.variants.front().name);
    double const least = c.limit.run ? c.limit.scale * times.median("limit") : 0;
    for (std::size_t i = 1; i < c.variants.size(); ++i) {
      auto const& v = c.variants[i];
      rows_.push_back({full, ours, v.name, times.median(v.name), least / ours, v.same_kernel, v.share});
    }
    auto const& best = best_of([&](ratio_row const& r) { return r.name == full; });
    std::fprintf(stderr, "%s: %.4g ms, %s: %s\n", full.c_str(), ours, best.peer.c_str(), best.verdict().c_str());
  }

  /// Writes the file and prints the table; what main returns.
  int finish() const {
    char const* given = std::getenv("SELFPRED_BENCH_RATIOS");
    std::string const path = given ? given : "ratios.csv";
    if (!rows_.empty() && !write_lines(path, merged(path, group_, about(), rows_, filter_.empty()))) {
      std::fprintf(stderr, "cannot write %s\n", path.c_str());
      return 1;
    }
    std::printf("%-46s %11s  %-32s %11s %7s\n", ("one thread, products " + std::string(engine_name)).c_str(), "ours ms",
                "best peer", "ratio", "limit");
    std::set<std::string> printed;
    for (auto const& r : rows_) {
      if (!printed.insert(r.case_name()).second) continue;
      auto const& best = best_of([&](ratio_row const& other) { return other.case_name() == r.case_name(); });
      std::printf("%-46s %11.4g  %-32s %11s %7.2f\n", r.name.c_str(), best.ours_ms, best.peer.c_str(),
                  best.verdict().c_str(), best.limit_fraction);
    }
    return 0;
  }

 private:
  struct collector : benchmark::BenchmarkReporter {
    std::map<std::string, std::vector<double>> of;

    bool ReportContext(Context const&) override { return true; }
    void ReportRuns(std::vector<Run> const& runs) override {
      for (auto const& r : runs)
        if (r.run_type == Run::RT_Iteration) of[r.run_name.function_name].push_back(r.GetAdjustedRealTime());
    }
    double median(std::string const& name) {
      auto& t = of.at(name);
      std::sort(t.begin(), t.end());
      return (t[(t.size() - 1) / 2] + t[t.size() / 2]) / 2;
    }
  };

  // The seconds that all variants took, once each.
  static double expect_agreement(std::string const& name, comparison const& c) {
    using clock = std::chrono::steady_clock;
    std::vector<double> expected;
    clock::duration taken{};
    for (auto const& v : c.variants) {
      c.reset();
      auto const start = clock::now();
      v.run();
      taken += clock::now() - start;
      auto const got = v.result();
      if (expected.empty()) expected = got;
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i)
        difference += std::pow(got[i] - expected[i], 2), norm += std::pow(expected[i], 2);
      if (got.empty() || got.size() != expected.size() || !(difference <= c.tolerance * c.tolerance * norm)) {
        std::fprintf(stderr, "%s: %s differs from ours by %.2g of its norm, expected at most %.0g\n", name.c_str(),
                     v.name.c_str(), std::sqrt(difference / norm), c.tolerance);
        std::abort();
      }
    }
    c.reset();
    return std::chrono::duration<double>(taken).count();
  }
  // 11, or as many as fit into the time of a case, but never below 3.
  static int repetitions(double seconds_of_one) {
    constexpr double seconds_of_a_case = 20;
    return static_cast<int>(std::clamp(seconds_of_a_case / seconds_of_one, 3.0, 11.0));
  }
  template <class Of>
  ratio_row const& best_of(Of of) const {
    ratio_row const* best = nullptr;
    for (auto const& r : rows_)
      if (of(r) && (!best || r.peer_ms < best->peer_ms)) best = &r;
    return *best;
  }
  std::string about() const {
    std::string cpu = "unknown processor";
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("model name")) {
        cpu = line.substr(line.find(':') + 2);
        break;
      }
    char date[16];
    std::time_t const now = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    return "flags " SELFPRED_BENCH_FLAGS "; " SELFPRED_BENCH_COMPILER "; Eigen " + std::to_string(EIGEN_WORLD_VERSION) +
           "." + std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION) + "; " + blas_ + "; " +
           date + "; " + cpu;
  }

  std::string group_, filter_, blas_;
  bool repetitions_given_ = false;
  std::vector<ratio_row> rows_;
};

}  // namespace bench
