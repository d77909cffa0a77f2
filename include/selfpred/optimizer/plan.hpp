// SPDX-License-Identifier: MIT
// What fused_update knows of a model between steps (moments, and how its memory is cut into chunks) and within one
// (pointers). A chunk is a range of the tensors put end to end, so that many small tensors are cut as one large one is.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/model.hpp>
#include <selfpred/optimizer/rule.hpp>
#include <selfpred/optimizer/step.hpp>
#include <selfpred/optimizer/streams.hpp>
#include <variant>
#include <vector>

namespace selfpred::detail {

inline constexpr index chunk_size = index{1} << 15;

template <class Rule>
class update_plan {
  static constexpr std::size_t n_moments = Rule::moments, streams = n_moments + 4;
  enum stream : std::size_t { weight, gradient, target, copy, moment };
  using layout = std::array<index, max_rank>;
  template <class S>
  using element = decltype(element_of_rule<Rule, S>(std::declval<Rule const&>(), 0, leaf_norms{}));
  using elements_t = std::pair<element<float>, element<double>>;

  struct leaf {
    std::string name;
    shape extent;
    layout stride;  // of the moments
    std::array<std::variant<std::vector<float>, std::vector<double>>, n_moments> moments;
    leaf_norms norms;
    // of one step
    bytes weights, gradients;
    std::array<void*, streams> data{};
    bool dense = true;  // all streams lie as the moments do
    blending mode = blending::none;
    void (update_plan::*step)(leaf&, index, index, std::array<layout, streams> const&, Rule const&, std::int64_t,
                              elements_t const*) = nullptr;
    squares (*measure)(leaf const&, index, index, std::array<layout, streams> const&) = nullptr;
  };
  struct piece {
    std::size_t leaf;
    index begin, end;
  };

 public:
  template <class M>
  explicit update_plan(M const& like) {
    index at = 0;
    selfpred::for_each_parameter(like, [&](std::string const& name, auto const& x) {
      auto const v = memory_of(x);
      using S = element_t<decltype(v)>;
      static_assert(std::same_as<S, float> || std::same_as<S, double>,
                    "selfpred: fused_update updates float and double");
      leaf l;
      l.name = name, l.extent = v.shape();
      l.stride = dense_strides(l.extent, strides_of(v));
      index const n = l.extent.size();
      for (auto& m : l.moments) m = std::vector<S>(static_cast<std::size_t>(n));
      index wide = 0;
      for (index e : l.extent) wide += e > 1;
      l.norms.vector = wide <= 1;
      for (index i = 0; i < n;) {  // cut at multiples of chunk_size of the whole
        index const end = detail::min(n, i + chunk_size - at % chunk_size);
        if (at % chunk_size == 0 || chunks_.empty()) chunks_.push_back(pieces_.size());
        pieces_.push_back({leaves_.size(), i, end});
        at += end - i, i = end;
      }
      leaves_.push_back(std::move(l));
    });
    partial_.resize(reads_norms<Rule> ? pieces_.size() : 0);
    strides_.resize(leaves_.size());
  }

  template <class M, class G>
  void take_gradient(M& online, G const& gradients) {
    p_ = 0;
    std::size_t i = 0;
    pair_parameters(online, gradients, [&](auto& w, auto& g) {
      auto const v = memory_of(w);
      using S = element_t<decltype(v)>;
      static_assert(std::same_as<S, element_t<decltype(memory_of(g))>>,
                    "selfpred: a gradient must have the element type of its weights");
      static_assert(!std::is_const_v<std::remove_pointer_t<decltype(v.data)>>, "selfpred: the weights are read-only");
      leaf& l = next(i++);
      l.dense = true, l.mode = blending::none;
      l.step = &update_plan::template step<S, void>;
      l.measure = &update_plan::template measure<S>;
      take<S>(l, weight, v, "weight"), take<S>(l, gradient, memory_of(g), "gradient");
      for (std::size_t k = 0; k < n_moments; ++k) {
        auto* m = std::get_if<std::vector<S>>(&l.moments[k]);
        if (!m) throw shape_error("fused_update: '" + l.name + "' has another element type than at construction");
        l.data[moment + k] = m->data();
      }
      l.weights = address_range(strided<S const>(v)), l.gradients = address_range(strided<S const>(memory_of(g)));
      expect_apart(l.name, l.weights, l.gradients, "weights and the gradient");
    });
    expect_all(i);
  }
  template <class M, class T>
  void take_target(M& online, T& followed, double tau) {
    if (!(tau >= 0 && tau <= 1))
      throw domain_error(complaint("fused_update", "tau of the target", std::to_string(tau), "[0, 1]"));
    std::size_t i = 0;
    pair_parameters(online, followed, [&](auto& w, auto& x) {
      using S = element_t<decltype(memory_of(w))>;
      static_assert(std::same_as<S, element_t<decltype(memory_of(x))>>,
                    "selfpred: a target must have the element type of the weights");
      leaf& l = next(i++);
      take<S>(l, target, memory_of(x), "target");
      l.mode = tau == 1 ? blending::none : tau == 0 ? blending::copy : blending::blend;
      auto const here = address_range(strided<S const>(memory_of(x)));
      expect_apart(l.name, l.weights, here, "weights and the target"),
          expect_apart(l.name, l.gradients, here, "gradient and the target");
    });
    p_ = 1 - tau;
    expect_all(i);
  }
  template <class M, class N>
  void take_copy(M& online, N& narrow) {
    std::size_t i = 0;
    pair_parameters(online, narrow, [&](auto& w, auto& c) {
      using S = element_t<decltype(memory_of(w))>;
      using C = element_t<decltype(memory_of(c))>;
      leaf& l = next(i++);
      take<C>(l, copy, memory_of(c), "copy");
      expect_apart(l.name, l.weights, address_range(strided<C const>(memory_of(c))), "weights and the copy");
      l.step = &update_plan::template step<S, C>;
    });
    expect_all(i);
  }

  std::size_t chunks() const { return chunks_.size(); }
  elements_t elements(Rule const& rule, std::int64_t k) const {
    return {element_of_rule<Rule, float>(rule, k, {}), element_of_rule<Rule, double>(rule, k, {})};
  }
  void run(std::size_t chunk, Rule const& rule, std::int64_t k, elements_t const& elements) {
    each_piece(chunk, [&](piece const& p, std::size_t) {
      leaf& l = leaves_[p.leaf];
      (this->*l.step)(l, p.begin, p.end, strides_[p.leaf], rule, k, &elements);
    });
  }
  void measure(std::size_t chunk) {
    each_piece(chunk, [&](piece const& p, std::size_t at) {
      leaf const& l = leaves_[p.leaf];
      partial_[at] = l.measure(l, p.begin, p.end, strides_[p.leaf]);
    });
  }
  // In the order of the pieces, whoever measured them.
  void combine() {
    for (std::size_t i = 0; i < pieces_.size();) {
      std::size_t const at = pieces_[i].leaf;
      squares sum;
      for (; i < pieces_.size() && pieces_[i].leaf == at; ++i) sum += partial_[i];
      leaf_norms& n = leaves_[at].norms;
      n.weight = std::sqrt(sum.weight), n.gradient = std::sqrt(sum.gradient), n.product = sum.product;
    }
  }

  template <class F>
  void for_each_moment(F& f) {
    for (leaf& l : leaves_)
      for (std::size_t k = 0; k < n_moments; ++k)
        std::visit(
            [&](auto& values) {
              auto v = view_dense(values.data(), l.extent);
              copy_n(l.stride.data(), l.extent.rank, v.stride.data());
              f(std::to_string(k) + (l.name.empty() ? "" : "." + l.name), v);
            },
            l.moments[k]);
  }

 private:
  leaf& next(std::size_t i) {
    if (i >= leaves_.size()) expect_all(i + 1);
    return leaves_[i];
  }
  void expect_all(std::size_t i) const {
    if (i != leaves_.size())
      throw shape_error(complaint("fused_update", "the number of tensors", std::to_string(i) + " or more",
                                  std::to_string(leaves_.size()) + " as at construction"));
  }
  template <class S, class V>
  void take(leaf& l, std::size_t k, V const& v, char const* what) {
    if (v.shape() != l.extent)
      throw shape_error(complaint("fused_update", std::string("the ") + what + " '" + l.name + "'", v.shape().text(),
                                  l.extent.text() + " as at construction"));
    l.data[k] = const_cast<S*>(v.data);
    layout const s = strides_of(v);
    auto& all = strides_[static_cast<std::size_t>(&l - leaves_.data())];
    if (!same_layout(l.extent, s, l.stride)) l.dense = false;
    if (k == weight)
      all.fill(l.stride), all[target] = all[copy] = s;  // those that are not there: any that is in bounds
    all[k] = s;
  }
  template <class F>
  void each_piece(std::size_t chunk, F const& f) const {
    std::size_t const end = chunk + 1 < chunks_.size() ? chunks_[chunk + 1] : pieces_.size();
    for (std::size_t i = chunks_[chunk]; i < end; ++i) f(pieces_[i], i);
  }

  template <class S, class C>
  void step(leaf& l, index begin, index end, std::array<layout, streams> const& strides, Rule const& rule,
            std::int64_t k, elements_t const* elements) {
    element<S> const f = [&] {
      if constexpr (reads_norms<Rule>)
        return element_of_rule<Rule, S>(rule, k, l.norms);
      else if constexpr (std::same_as<S, float>)
        return elements->first;
      else
        return elements->second;
    }();
    auto const go = [&]<std::size_t... I>(std::index_sequence<I...>) {
      auto const at = [&](std::size_t s, index offset) { return static_cast<S*>(l.data[s]) + offset; };
      auto const x = [&](index offset) { return l.mode == blending::none ? nullptr : at(target, offset); };
      S const p = static_cast<S>(p_);
      if (l.dense) {
        C* const c = offset_by<C>(l.data[copy], begin);
        return fused_run<true>(end - begin, std::array<index, streams>{}, f, l.mode, p, c, x(begin), at(weight, begin),
                               static_cast<S const*>(at(gradient, begin)), at(moment + I, begin)...);
      }
      stream_loop<streams> const loop(l.extent, strides);
      loop(begin, end, [&](index n, auto const& o, auto const& s) {
        fused_run<false>(n, s, f, l.mode, p, offset_by<C>(l.data[copy], o[copy]), x(o[target]), at(weight, o[weight]),
                         static_cast<S const*>(at(gradient, o[gradient])), at(moment + I, o[moment + I])...);
      });
    };
    go(std::make_index_sequence<n_moments>());
  }
  template <class S>
  static squares measure(leaf const& l, index begin, index end, std::array<layout, streams> const& strides) {
    auto const *w = static_cast<S const*>(l.data[weight]), *g = static_cast<S const*>(l.data[gradient]);
    if (l.dense) return squares_of(end - begin, w + begin, 1, g + begin, 1);
    squares sum;
    stream_loop<streams>(l.extent, strides)(begin, end, [&](index n, auto const& o, auto const& s) {
      sum += squares_of(n, w + o[weight], s[weight], g + o[gradient], s[gradient]);
    });
    return sum;
  }

  std::vector<leaf> leaves_;
  std::vector<std::array<layout, streams>> strides_;  // read where a leaf is not dense
  std::vector<piece> pieces_;
  std::vector<std::size_t> chunks_;  // the first piece of each
  std::vector<squares> partial_;
  double p_ = 0;  // 1 - tau
};

}  // namespace selfpred::detail
