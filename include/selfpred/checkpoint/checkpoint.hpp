// SPDX-License-Identifier: MIT
// A training run in one safetensors file: save_checkpoint and load_checkpoint of the same named parts.
#pragma once
#include <algorithm>
#include <selfpred/checkpoint/file.hpp>
#include <selfpred/checkpoint/state.hpp>
#include <selfpred/version.hpp>

namespace selfpred {

struct resume_options {
  bool changed_options = false;  ///< take the state even where schedule, rule or options differ from those of the file
  safetensors_limits limits = {};
};

namespace detail {

inline std::string version_text() {
  return std::to_string(SELFPRED_VERSION_MAJOR) + "." + std::to_string(SELFPRED_VERSION_MINOR) + "." +
         std::to_string(SELFPRED_VERSION_PATCH);
}

inline void write_leaves(std::filesystem::path const& path, checkpoint_list const& list) {
  safetensors_index index;
  std::map<std::string_view, checkpoint_list::leaf const*> leaves;
  for (auto const& l : list.leaves) {
    if (!leaves.emplace(l.name, &l).second)
      throw domain_error(path.string() + ": two tensors have the name " + in_quotes(l.name) + ", expected one");
    if (l.size && l.extent[0] == 0) continue;
    index.tensors[l.name] = {l.type, l.extent};
  }
  for (auto const& n : list.notes)
    if (!index.metadata.emplace(n.key, n.text).second)
      throw domain_error(path.string() + ": two notes have the name " + in_quotes(n.key) + ", expected one");

  std::string const header = place_safetensors(index);
  std::vector<std::pair<std::uint64_t, std::string_view>> order;
  for (auto const& [name, e] : index.tensors) order.emplace_back(e.begin, name);
  std::ranges::stable_sort(order, {}, [](auto const& o) { return o.first; });
  atomic_file file(path);
  file.write(std::as_bytes(std::span(header)));
  for (auto const& o : order) leaves.at(o.second)->put([&](std::span<std::byte const> bytes) { file.write(bytes); });
  file.commit();
}

template <class Source>
void read_leaf(Source const& source, safetensors_index const& index, checkpoint_list::leaf const& l) {
  auto const found = index.tensors.find(l.name);
  if (found == index.tensors.end()) return;
  std::uint64_t at = index.data + found->second.begin;
  l.get([&](std::span<std::byte> bytes) { source.read(at, bytes), at += bytes.size(); });
}

inline void expect_leaves(std::string const& file, safetensors_index const& index, checkpoint_list const& list,
                          std::string const& within) {
  std::map<std::string_view, checkpoint_list::leaf const*> leaves;
  for (auto const& l : list.leaves) {
    leaves.emplace(l.name, &l);
    auto const found = index.tensors.find(l.name);
    if (l.size) {
      bool const square =
          found == index.tensors.end() || (found->second.extent.size() == 2 && found->second.type == l.type &&
                                           found->second.extent[0] == found->second.extent[1]);
      if (!square) throw file_error(file + ": " + in_quotes(l.name) + " is no square matrix of F64, expected one");
      l.size(found == index.tensors.end() ? nullptr : &found->second);
      continue;
    }
    if (found == index.tensors.end())
      throw file_error(file + ": there is no tensor " + in_quotes(l.name) + ", expected one");
    if (found->second.type != l.type)
      throw file_error(
          complaint(file, "the dtype of " + in_quotes(l.name), facts(found->second.type).name, facts(l.type).name));
    if (found->second.extent != l.extent)
      throw file_error(
          complaint(file, "the shape of " + in_quotes(l.name), shape_text(found->second.extent), shape_text(l.extent)));
  }
  for (auto const& [name, e] : index.tensors)
    if ((within.empty() || name == within || name.starts_with(within + ".")) && !leaves.contains(name))
      throw file_error(file + ": there is a tensor " + in_quotes(name) +
                       " that the model has not, expected the same tensors");
}

inline void take_notes(std::string const& file, safetensors_index const& index, checkpoint_list const& list,
                       bool changed_options) {
  for (auto const& n : list.notes) {
    if (n.option && changed_options) continue;
    auto const found = index.metadata.find(n.key);
    if (found == index.metadata.end())
      throw file_error(file + ": there is no metadata " + in_quotes(n.key) + ", expected some");
    try {
      if (n.take)
        n.take(found->second);
      else if (found->second != n.text)
        throw file_error(complaint("checkpoint", "'" + n.key + "'", found->second, n.text) + "; they part at " +
                         first_difference(found->second, n.text));
    } catch (file_error const& e) {
      throw file_error(file + ": " + e.what() +
                       (n.option ? "; to go on all the same: resume_options{.changed_options = true}" : ""));
    }
  }
}

template <class Source>
void read_all(Source const& source, safetensors_index const& index, checkpoint_list const& list) {
  for (auto const& l : list.leaves)
    if (l.size) read_leaf(source, index, l);
  auto const undo = [&] {
    for (auto const& f : list.undo) f();
  };
  try {
    for (auto const& f : list.check) f();
    for (auto const& l : list.leaves)
      if (!l.size) read_leaf(source, index, l);
  } catch (domain_error const& e) {
    undo();
    throw file_error(std::string(source.name()) + ": " + e.what());
  } catch (...) {
    undo();
    throw;
  }
  for (auto const& f : list.commit) f();
}

template <class T>
void list_part(checkpoint_list& list, named<T> const& part) {
  using bare_t = std::remove_const_t<T>;
  static_assert(
      requires { sizeof(checkpoint_traits<bare_t>); },
      "selfpred: a part of a checkpoint is a model, a tensor, a number, a std::string, an ema_target or an "
      "objective; for a type of your own specialise selfpred::checkpoint_traits");
  if (part.name.empty() || part.name.find('.') != part.name.npos || part.name.starts_with("selfpred"))
    throw domain_error(complaint("checkpoint", "the name of a part", in_quotes(part.name),
                                 "not empty, without a dot, and not selfpred's"));
  checkpoint_traits<bare_t>::list(list, std::string(part.name), const_cast<bare_t&>(part.tensor));
}

template <class Source, class... T>
void load_parts(Source const& source, resume_options const& options, named<T> const&... parts) {
  static_assert((!std::is_const_v<T> && ...), "selfpred: a part that is loaded must not be const");
  auto const index = read_safetensors_index(source, options.limits);
  auto const format = index.metadata.find("selfpred.format");
  if (format == index.metadata.end() || format->second != "1")
    throw file_error(complaint(std::string(source.name()), "the metadata 'selfpred.format'",
                               format == index.metadata.end() ? "not there" : in_quotes(format->second), "'1'"));
  checkpoint_list all;
  auto const add = [&](auto const& part) {
    checkpoint_list one;
    one.file = &index;
    list_part(one, part);
    expect_leaves(std::string(source.name()), index, one, std::string(part.name));
    take_notes(std::string(source.name()), index, one, options.changed_options);
    auto const append = [](auto& to, auto& from) { std::ranges::move(from, std::back_inserter(to)); };
    append(all.leaves, one.leaves), append(all.check, one.check), append(all.undo, one.undo),
        append(all.commit, one.commit);
  };
  (add(parts), ...);
  read_all(source, index, all);
}
template <class Source, class M>
void load_model(Source const& source, M& m, safetensors_limits const& limits) {
  auto const index = read_safetensors_index(source, limits);
  checkpoint_list list;
  list_model(list, "", m);
  expect_leaves(std::string(source.name()), index, list, "");
  read_all(source, index, list);
}

}  // namespace detail

/// save_checkpoint("run.safetensors", named{"online", online}, named{"target", target}, named{"objective", objective},
/// named{"epoch", epoch}): all tensors of the parts as "<part>.<path>", their steps and options as metadata.
///
/// The file is replaced whole or not at all (atomic_file). Errors: file_error; domain_error for names that clash or are no
/// UTF-8. Memory: no copy of a dense tensor, 1 MiB for others. Example: examples/resume.cpp
template <class... T>
void save_checkpoint(std::filesystem::path const& path, named<T> const&... parts) {
  checkpoint_list list;
  (detail::list_part(list, parts), ...);
  list.notes.push_back({"selfpred.format", "1"});
  list.notes.push_back({"selfpred.version", detail::version_text()});
  detail::write_leaves(path, list);
}

/// The parts as a tuple, made in one place and used in two.
template <class... T>
void save_checkpoint(std::filesystem::path const& path, std::tuple<named<T>...> const& parts) {
  std::apply([&](auto const&... p) { selfpred::save_checkpoint(path, p...); }, parts);
}

/// load_checkpoint("run.safetensors", the same parts): state comes back bit for bit; a run goes on as if it had not stopped.
/// Parts of the file that are not asked for are left alone.
///
/// Errors: file_error, which names the file, the tensor or option, what was got and what was expected: a tensor missing or
/// left over within a part, another shape or dtype, an option that differs (unless resume_options say so), bytes that are no
/// safetensors, a state that no run can have. All of it is looked at before any tensor is
/// written; only a disk that fails while it is read can leave a model half loaded.
template <class... T>
void load_checkpoint(std::filesystem::path const& path, resume_options const& options, named<T> const&... parts) {
  input_file const file(path);
  detail::load_parts(file, options, parts...);
}
template <class... T>
void load_checkpoint(std::filesystem::path const& path, named<T> const&... parts) {
  selfpred::load_checkpoint(path, resume_options{}, parts...);
}

template <class... T>
void load_checkpoint(std::filesystem::path const& path, resume_options const& options,
                     std::tuple<named<T>...> const& parts) {
  std::apply([&](auto const&... p) { selfpred::load_checkpoint(path, options, p...); }, parts);
}
template <class... T>
void load_checkpoint(std::filesystem::path const& path, std::tuple<named<T>...> const& parts) {
  selfpred::load_checkpoint(path, resume_options{}, parts);
}

/// A model alone, its tensors under their own paths: what Python's safetensors.torch.load_file gives as a state_dict.
template <model M>
void save_safetensors(std::filesystem::path const& path, M const& m) {
  checkpoint_list list;
  detail::list_model(list, "", const_cast<M&>(m));
  detail::write_leaves(path, list);
}
/// The file must have the tensors of the model and no other. Errors as load_checkpoint.
template <model M>
void load_safetensors(std::filesystem::path const& path, M& m, safetensors_limits const& limits = {}) {
  input_file const file(path);
  detail::load_model(file, m, limits);
}

}  // namespace selfpred
