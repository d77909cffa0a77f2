// SPDX-License-Identifier: MIT
// The table, the files and the progress line of the training program.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <limits>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

extern char** environ;

namespace support {

struct column {
  char const *heading, *csv;
  int digits;
};
enum measure : std::size_t {
  probe,
  neighbours,
  loss,
  feature_std,
  effective_rank_of_latents,
  norm_over_alpha,
  stable_rank,
  trace,
  polar_distance,
  milliseconds,
  share,
  predictor_share
};
/// In the order of the enumerators.
inline constexpr auto columns = std::array{column{"probe %", "linear_probe", 2},
                                           column{"kNN %", "nearest_neighbours", 2},
                                           column{"loss", "loss", 3},
                                           column{"feature std", "feature_std", 2},
                                           column{"rank", "effective_rank", 1},
                                           column{"|P|/alpha", "predictor_norm_over_alpha", 2},
                                           column{"stable rank", "stable_rank", 3},
                                           column{"trace", "trace", 3},
                                           column{"polar", "polar_distance", 3},
                                           column{"ms/step", "milliseconds_per_step", 1},
                                           column{"objective %", "objective_share", 2},
                                           column{"P time %", "predictor_share", 2}};

/// One value a column; NaN where a row has none.
using measures = std::array<double, columns.size()>;
inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct table_row {
  std::string name;
  std::optional<double> alpha;
  std::vector<measures> seeds;

  auto mean(std::size_t c) const -> double {
    auto sum = 0.0;
    for (auto const& m : seeds) sum += m[c];
    return sum / static_cast<double>(seeds.size());
  }
  auto deviation(std::size_t c) const -> double {  // of the sample; 0 for a single seed
    auto sum = 0.0;
    for (auto const& m : seeds) sum += (m[c] - mean(c)) * (m[c] - mean(c));
    return seeds.size() < 2 ? 0 : std::sqrt(sum / static_cast<double>(seeds.size() - 1));
  }
};

inline auto text(double value, int digits) -> std::string {
  if (std::isnan(value)) return "-";
  auto out = std::ostringstream{};
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

/// The table goes out row by row; cells are as wide as one number, or as a mean and a deviation.
class printed_table {
 public:
  printed_table(std::ostream& out, std::vector<std::string> const& names, int seeds)
      : out_{out}, cell_{seeds > 1 ? 15 : 12} {
    for (auto const& n : names) name_ = std::max(name_, static_cast<int>(n.size()));
    out_ << std::left << std::setw(name_) << "predictor" << std::right << std::setw(6) << "alpha";
    for (auto const& c : columns) out_ << std::setw(cell_) << c.heading;
    out_ << std::endl;
  }
  void add(table_row const& row) {
    out_ << std::left << std::setw(name_) << row.name << std::right << std::setw(6)
         << text(row.alpha.value_or(none), 2);
    for (auto c = std::size_t{0}; c < columns.size(); ++c) {
      auto cell = text(row.mean(c), columns[c].digits);
      if (row.seeds.size() > 1 && cell != "-") cell += " +-" + text(row.deviation(c), columns[c].digits);
      out_ << std::setw(cell_) << cell;
    }
    out_ << std::endl;
  }

 private:
  std::ostream& out_;
  int name_ = 9, cell_;
};

inline auto csv(std::vector<table_row> const& rows) -> std::string {
  auto out = std::ostringstream{};
  out << "predictor,alpha,seeds";
  for (auto const& c : columns) out << ',' << c.csv << ',' << c.csv << "_std";
  out << '\n';
  for (auto const& row : rows) {
    out << row.name << ',' << (row.alpha ? text(*row.alpha, 4) : "") << ',' << row.seeds.size();
    for (auto c = std::size_t{0}; c < columns.size(); ++c) {
      auto const mean = row.mean(c);
      out << ',' << (std::isnan(mean) ? "" : text(mean, 6)) << ','
          << (std::isnan(mean) ? "" : text(row.deviation(c), 6));
    }
    out << '\n';
  }
  return out.str();
}

/// Whoever looks at `path` sees the old file or the whole new one, even after a power cut.
inline void publish(std::filesystem::path const& temporary, std::filesystem::path const& path) {
  auto const fail = [](std::filesystem::path const& p) { return std::system_error{errno, std::generic_category(), p}; };
  auto const file = open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw fail(temporary);
  auto const synced = fsync(file);
  if (close(file) != 0 || synced != 0 || std::rename(temporary.c_str(), path.c_str()) != 0) throw fail(temporary);
}

inline void write_file(std::filesystem::path const& path, std::string const& content) {
  auto const temporary = std::filesystem::path{path.string() + ".tmp"};
  auto* const file = std::fopen(temporary.c_str(), "wbe");
  if (file == nullptr) throw std::system_error{errno, std::generic_category(), temporary};
  auto const written = std::fwrite(content.data(), 1, content.size(), file);
  if (std::fclose(file) != 0 || written != content.size())
    throw std::system_error{errno, std::generic_category(), temporary};
  publish(temporary, path);
}

/// Draws `data` with a gnuplot script; says false where gnuplot is missing or fails.
inline auto draw_figure(std::filesystem::path const& script, std::filesystem::path const& data,
                        std::filesystem::path const& path) -> bool {
  auto const temporary = path.string() + ".tmp";
  auto words = std::array<std::string, 5>{"gnuplot", "-c", script, data, temporary};
  auto arguments = std::array<char*, 6>{};
  for (auto i = std::size_t{0}; i < words.size(); ++i) arguments[i] = words[i].data();
  auto child = pid_t{};
  auto status = 0;
  if (posix_spawnp(&child, "gnuplot", nullptr, nullptr, arguments.data(), environ) != 0) return false;
  if (waitpid(child, &status, 0) != child || status != 0) return false;
  publish(temporary, path);
  return true;
}

/// One line on stderr that is written over on a terminal, and a line every tenth of the way elsewhere.
class progress_line {
 public:
  explicit progress_line(std::string what) : what_{std::move(what)} {}
  ~progress_line() {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }
  progress_line(progress_line const&) = delete;
  auto operator=(progress_line const&) -> progress_line& = delete;

  void operator()(long done, long all, double loss) {
    auto const mark = done * (terminal_ ? 200 : 10) / all;
    if (mark == mark_) return;
    mark_ = mark;
    std::fprintf(stderr, terminal_ ? "\r%s  %ld / %ld  loss %.3f\033[K" : "%s  %ld / %ld  loss %.3f\n", what_.c_str(),
                 done, all, loss);
  }

 private:
  std::string what_;
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  long mark_ = 0;
};

}  // namespace support
