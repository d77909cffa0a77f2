// SPDX-License-Identifier: MIT
// What a checkpoint is made of: the tensors and the notes of each part, once for saving and for loading.
#pragma once
#include <charconv>
#include <functional>
#include <memory>
#include <selfpred/checkpoint/describe.hpp>
#include <selfpred/checkpoint/leaf.hpp>
#include <selfpred/checkpoint/safetensors.hpp>
#include <selfpred/model.hpp>

namespace selfpred {

/// What a part says of itself. One list serves both ways: `put` and `get` move elements, notes are compared or taken.
struct checkpoint_list {
  struct leaf {
    std::string name;
    dtype type = dtype::none;
    std::vector<std::uint64_t> extent;
    std::function<void(byte_sink const&)> put;
    std::function<void(byte_source const&)> get;
    std::function<void(safetensors_entry const*)> size = {};  // takes what the file has, if anything
  };
  struct note {
    std::string key, text;
    bool option = false;                                ///< must be equal, unless the caller says that options changed
    std::function<void(std::string const&)> take = {};  ///< of a note that is state; may throw
  };
  std::vector<leaf> leaves;
  std::vector<note> notes;
  safetensors_index const* file = nullptr;    ///< what is loaded; null while saving
  std::vector<std::function<void()>> check;   ///< when all leaves of `size` are read; what throws here is undone
  std::vector<std::function<void()>> undo;    ///< so that a load that fails has changed nothing
  std::vector<std::function<void()>> commit;  ///< when all is read

  void option(std::string key, std::string text) { notes.push_back({std::move(key), std::move(text), true}); }
  /// A number that is state: take(text) may throw.
  template <class N>
  void number(std::string const& key, N value, std::function<void(N)> take) {
    notes.push_back({key, text_of(value), false, [key, take](std::string const& text) {
                       N n{};
                       auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
                       if (error != std::errc() || stop != text.data() + text.size())
                         throw file_error(detail::complaint("checkpoint", detail::in_quotes(key),
                                                            detail::in_quotes(text), "a number"));
                       take(n);
                     }});
  }
  template <class T>
  void tensor(std::string name, T& x) {
    add<leaf_access<T>>(std::move(name), leaf_access<T>::hold(x));
  }
  template <class S>
  void view(std::string name, strided<S> const& x) {
    add<detail::memory_access<S>>(std::move(name), x);
  }
  /// A square matrix of doubles whose size the file knows; no values, no tensor.
  void square(std::string name, std::shared_ptr<std::vector<double>> values, index n) {
    leaf l{std::move(name), dtype::f64, {static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(n)}, {}, {}};
    l.put = [values](byte_sink const& sink) { sink(std::as_bytes(std::span(*values))); };
    l.get = [values](byte_source const& source) { source(std::as_writable_bytes(std::span(*values))); };
    l.size = [values](safetensors_entry const* e) { values->resize(e ? (e->end - e->begin) / sizeof(double) : 0); };
    leaves.push_back(std::move(l));
  }

 private:
  template <class Access, class H>
  void add(std::string name, H held) {
    auto const s = Access::extent(held);
    leaves.push_back({std::move(name),
                      Access::type(held),
                      {s.begin(), s.end()},
                      [held](byte_sink const& sink) { Access::put(held, sink); },
                      [held](byte_source const& source) mutable { Access::get(held, source); }});
  }
  static std::string text_of(double x) { return detail::number_text(x); }
  static std::string text_of(std::int64_t n) { return std::to_string(n); }
};

/// What becomes of a part T under a name. Models, numbers and strings are known; ema_target and objective by their members.
template <class T>
struct checkpoint_traits;

namespace detail {

template <class T>
concept numbers = std::ranges::contiguous_range<T> && std::is_arithmetic_v<std::ranges::range_value_t<T>> && !tensor<T>;

inline std::string below(std::string const& name, std::string_view path) {
  return path.empty() ? name : name.empty() ? std::string(path) : name + "." + std::string(path);
}

// Buffers keep their paths, unless one is also a parameter's (as in two tuples): then all are under "buffers".
template <class M>
void list_model(checkpoint_list& list, std::string const& name, M& m) {
  std::size_t const first = list.leaves.size();
  selfpred::for_each_parameter(m, [&](std::string const& path, auto& x) { list.tensor(below(name, path), x); });
  std::size_t const parameters = list.leaves.size();
  bool clash = false;
  auto const taken = [&](std::string const& full) {
    return std::any_of(list.leaves.begin() + static_cast<std::ptrdiff_t>(first),
                       list.leaves.begin() + static_cast<std::ptrdiff_t>(parameters),
                       [&](auto const& l) { return l.name == full; });
  };
  selfpred::for_each_buffer(m,
                            [&](std::string const& path, auto const&) { clash = clash || taken(below(name, path)); });
  std::string const buffers = clash ? below(name, "buffers") : name;
  selfpred::for_each_buffer(m, [&](std::string const& path, auto& x) { list.tensor(below(buffers, path), x); });
}

}  // namespace detail

template <model M>
  requires(!detail::numbers<M>)
struct checkpoint_traits<M> {
  static void list(checkpoint_list& list, std::string const& name, M& m) { detail::list_model(list, name, m); }
};
/// A vector or array of numbers is one tensor; its size must be that of the file.
template <detail::numbers N>
struct checkpoint_traits<N> {
  static void list(checkpoint_list& list, std::string const& name, N& n) {
    list.view(name, view_dense(std::ranges::data(n), shape(std::array{std::ranges::size(n)})));
  }
};
template <>
struct checkpoint_traits<std::string> {
  static void list(checkpoint_list& list, std::string const& name, std::string& s) {
    auto const text = std::make_shared<std::string>();
    list.notes.push_back({name, s, false, [text](std::string const& t) { *text = t; }});
    list.commit.push_back([text, &s] { s.swap(*text); });
  }
};

}  // namespace selfpred
