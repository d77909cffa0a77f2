// SPDX-License-Identifier: MIT
// The table of ratios: one file for all groups, each with the library's own products and with those of the peers' BLAS.
// A run replaces its own rows and leaves the others.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace bench {

/// Where ordinary products of this program come from: "own" is the library's kernels, "blas" the BLAS of the peers.
#ifdef SELFPRED_WITH_BLAS
inline constexpr bool products_by_blas = true;
#else
inline constexpr bool products_by_blas = false;
#endif
inline constexpr char const* engine_name = products_by_blas ? "blas" : "own";

struct ratio_row {
  std::string name;  // "group/case"
  double ours_ms = 0;
  std::string peer;
  double peer_ms = 0;
  double limit_fraction = 0;  // 0: no limit was measured
  bool same_kernel = false, share = false;

  double ratio() const { return peer_ms / ours_ms; }
  /// What the ratio says, if it is one of two ways to the same end.
  std::string verdict() const {
    char text[32] = "same kernel";
    if (share)
      std::snprintf(text, sizeof text, "%.1f %% less", 100 * (1 - ratio()));
    else if (!same_kernel)
      std::snprintf(text, sizeof text, "%.2f", ratio());
    return text;
  }
  std::string case_name() const { return name + (same_kernel ? " (same kernel)" : ""); }
  std::string csv() const {
    char numbers[160];
    std::snprintf(numbers, sizeof numbers, ",1,%s,%.6g,%s,%.6g,%.3f,", engine_name, ours_ms, peer.c_str(), peer_ms,
                  ratio());
    std::string text = case_name() + numbers;
    if (limit_fraction > 0) {
      std::snprintf(numbers, sizeof numbers, "%.3f", limit_fraction);
      text += numbers;
    }
    return text;
  }
};

inline constexpr char const* ratios_header = "case,threads,engine,ours_ms,peer,peer_ms,ratio,limit_fraction";

inline std::string without_mark(std::string name) {
  if (auto const at = name.find(" (same kernel)"); at != std::string::npos) name.erase(at);
  return name;
}

/// The lines of the file, one '#' line a group and engine above the header, with the rows of `group` and this engine
/// exchanged: all of them after a whole run, those of the cases that ran after a part of one. Rows under another header
/// are dropped.
inline std::vector<std::string> merged(std::string const& path, std::string const& group, std::string const& about,
                                       std::vector<ratio_row> const& rows, bool whole) {
  std::string const mark = "# " + group + " " + engine_name + ":", engine = std::string(",1,") + engine_name + ",";
  std::set<std::string> ran;
  for (auto const& r : rows) ran.insert(r.name);
  std::vector<std::string> head, body;
  bool known = false;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    known = known || line == ratios_header;
    if (line.starts_with(mark) || line == ratios_header || line.empty()) continue;
    std::string const name = without_mark(line.substr(0, line.find(',')));
    bool const replaced =
        line.find(engine) != std::string::npos && (ran.count(name) != 0 || (whole && line.starts_with(group + "/")));
    if (line.starts_with("#"))
      head.push_back(line);
    else if (!replaced)
      body.push_back(line);
  }
  if (!known) head.clear(), body.clear();
  head.push_back(mark + " " + about);
  std::sort(head.begin(), head.end());
  head.emplace_back(ratios_header);
  for (auto const& r : rows) body.push_back(r.csv());
  std::stable_sort(body.begin(), body.end(),
                   [](auto const& a, auto const& b) { return a.substr(0, a.find('/')) < b.substr(0, b.find('/')); });
  head.insert(head.end(), body.begin(), body.end());
  return head;
}

/// Whole or not at all: to a name of its own, to the disk, and only then over the old file.
inline bool write_lines(std::string const& path, std::vector<std::string> const& lines) {
  std::string const temporary = path + ".new";
  std::FILE* f = std::fopen(temporary.c_str(), "w");
  if (!f) return false;
  bool good = true;
  for (auto const& line : lines) good = std::fprintf(f, "%s\n", line.c_str()) > 0 && good;
  good = std::fflush(f) == 0 && fsync(fileno(f)) == 0 && good;
  good = std::fclose(f) == 0 && good;
  return good && std::rename(temporary.c_str(), path.c_str()) == 0;
}

}  // namespace bench
