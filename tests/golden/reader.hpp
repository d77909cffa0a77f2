// SPDX-License-Identifier: MIT
// Reads the golden files beside this header; README.md describes format and keys.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <istream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace selfpred_tests {

// Row-major values of one key.
struct golden_matrix {
  int rows = 0;
  int cols = 0;
  std::vector<double> v;

  double operator()(int i, int j) const {
    return v.at(static_cast<std::size_t>(i) * static_cast<std::size_t>(cols) + static_cast<std::size_t>(j));
  }
};

// std::map whose missing key is an error that names the key and where it was looked for.
template <class Value>
struct golden_table : std::map<std::string, Value> {
  std::string name;

  const Value& at(const std::string& key) const& {
    if (const auto found = this->find(key); found != this->end()) return found->second;
    throw std::out_of_range("golden " + name + ": no '" + key + "'");
  }
  const Value& at(const std::string& key) const&& = delete;  // would dangle: name the file first
};

struct golden_case : golden_table<golden_matrix> {
  double scalar(const std::string& key) const {
    const golden_matrix& m = at(key);
    if (m.v.size() != 1) throw std::out_of_range("golden " + name + ": '" + key + "' is not 1 x 1");
    return m.v[0];
  }
};

using golden_file = golden_table<golden_case>;

inline golden_file read_golden(std::istream& in, const std::string& name) {
  golden_file file;
  file.name = name;
  golden_case* open = nullptr;
  std::string line;
  int number = 0;
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error("golden " + name + ":" + std::to_string(number) + ": " + why);
  };
  const auto next = [&] {
    ++number;
    return static_cast<bool>(std::getline(in, line));
  };
  while (next()) {
    std::istringstream words(line);
    std::string key, rest;
    if (!(words >> key) || key[0] == '#') continue;
    if (!open) {
      std::string title;
      if (key != "case" || !(words >> title) || words >> rest) fail("expected 'case <name>', got '" + line + "'");
      const auto [at, fresh] = file.try_emplace(title);
      if (!fresh) fail("second case '" + title + "'");
      open = &at->second;
      open->name = name + ", case " + title;
    } else if (key == "end") {
      if (words >> rest) fail("text after 'end'");
      open = nullptr;
    } else {
      golden_matrix m;
      if (!(words >> m.rows >> m.cols) || m.rows < 1 || m.cols < 1 || words >> rest)
        fail("expected '<key> <rows> <cols>' or 'end', got '" + line + "'");
      for (int i = 0; i < m.rows; ++i) {
        if (!next()) fail("file ends inside '" + key + "'");
        std::istringstream values(line);
        int count = 0;
        for (std::string word; values >> word; ++count) {
          char* stop = nullptr;
          m.v.push_back(std::strtod(word.c_str(), &stop));
          if (*stop != '\0' || !std::isfinite(m.v.back()))
            fail("'" + word + "' in '" + key + "' is not a finite number");
        }
        if (count != m.cols)
          fail("row " + std::to_string(i) + " of '" + key + "': expected " + std::to_string(m.cols) + " values, got " +
               std::to_string(count));
      }
      if (!open->try_emplace(key, std::move(m)).second) fail("second key '" + key + "'");
    }
  }
  if (open) fail("file ends without 'end'");
  if (file.empty()) fail("no case");
  return file;
}

// load_golden("loss") reads <folder>/loss.txt; the folder is a compile definition of the tests.
inline golden_file load_golden(const std::string& topic, const std::string& folder) {
  std::ifstream in(folder + "/" + topic + ".txt");
  if (!in) throw std::runtime_error("golden " + topic + ".txt: cannot be opened in " + folder);
  return read_golden(in, topic + ".txt");
}

#ifdef SELFPRED_GOLDEN_DIR
inline golden_file load_golden(const std::string& topic) { return load_golden(topic, SELFPRED_GOLDEN_DIR); }
#endif

}  // namespace selfpred_tests
