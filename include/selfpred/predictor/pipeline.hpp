// SPDX-License-Identifier: MIT
// From what a rule says about one batch to the predictor in use: rule -> EMA of P -> rescale -> + alpha I.
#pragma once
#include <cstdint>
#include <selfpred/predictor/moment_average.hpp>
#include <selfpred/predictor/rule.hpp>
#include <selfpred/predictor/sample_rows.hpp>
#include <selfpred/predictor/state.hpp>

namespace selfpred {

/// Whether P is divided by a norm of its own before alpha I is added. The normalised loss ignores a positive scale of P,
/// but alpha does not. none is the paper's.
enum class rescaling { none, spectral, frobenius };

struct predictor_options {
  double alpha = 0;  ///< the paper's ridge on P: P + alpha I is applied; at least 0
  double momentum =
      0.99;  ///< rho of P_bar <- rho P_bar + (1 - rho) P, in [0, 1); our default, the paper's is not public
  std::int64_t update_every =
      1;  ///< refresh P at steps 0, k, 2k, ...; in between it is held. A refresh counts once in rho
  rescaling rescale = rescaling::none;
  double statistics_momentum = 0;  ///< of an EMA of S and X, the weight of the old, in [0, 1)

  void check() const {
    detail::expect_at_least("objective", "alpha", alpha, 0);
    detail::expect_momentum("objective", "predictor_momentum", momentum);
    detail::expect_momentum("objective", "statistics_momentum", statistics_momentum);
    detail::expect_at_least("objective", "update_every", static_cast<double>(update_every), 1);
  }
};

/// The state machine round a rule. A step is staged, looked at, and only then committed, so that a caller who fails in
/// between has changed nothing. Without an EMA and a rescaling, a step on few rows has no f x f matrix: what is applied is
/// the rule on the side of the rows, until somebody asks for P.
template <matrix M, predictor_rule<M> Rule>
class predictor_pipeline {
  static constexpr bool knows_samples = detail::knows_samples<M, Rule>;

 public:
  using applied_t = detail::applied_predictor<M, knows_samples>;

  predictor_pipeline(Rule rule, predictor_options options) : rule_(rule), options_(options) {
    rule_.check();
    options_.check();
  }

  /// Whether the next step makes a new P.
  bool refreshes_next() const { return step_ % options_.update_every == 0; }

  /// The predictor of the next step, from this batch's moments: P_bar_next / (1 - product) [rescaled] + alpha I.
  M const& stage(covariances<M> const& batch) {
    covariances<M> const c = moments_.stage(batch, options_.statistics_momentum, Rule::reads_cross_covariance);
    M& p = work_.get(raw, c.s, shape_of(c.s));
    rule_(c, rule_work_, p);
    return stage_from(p);
  }
  /// The same from the rows of all views or of one, without their moments, where the rule has a way for so few; those
  /// rows, or nullptr where moments have to be taken.
  template <class Z>
  M const* stage(Z const& z, std::size_t view, index rows, index f)
    requires knows_samples
  {
    if (!rule_.template by_samples<M>(rows, f)) return nullptr;
    bool const without_p = options_.momentum == 0 && options_.rescale == rescaling::none;
    M const* const y = samples_.stage(rule_, z, view, rows, f, without_p);
    if (!y) return nullptr;
    if (without_p) {
      expect_finite(samples_.squares());
      expect_size(shape(f, f));
      staged_product_ = product_ * options_.momentum;
      staged_ = staged_by_rows_ = true;
    } else
      stage_from(matrix_of(samples_.staged()));
    return y;
  }
  /// The step is taken, with the staged predictor if there is one.
  void commit() {
    if (staged_) {
      by_rows_ = staged_by_rows_;
      if (by_rows_)
        samples_.commit(), made_ = false;
      else
        std::swap(average_, next_average_), std::swap(applied_, next_applied_);
      product_ = staged_product_;
      moments_.commit();
      ++refreshes_;
      staged_ = false;
    }
    ++step_;
  }

  /// What the staged step applies to its view, and what is in use. Throws state_error before the first step.
  applied_t staged(std::size_t view) {
    return staged_by_rows_ ? applied_t(samples_, samples_.staged(), options_.alpha, view) : applied_t(*next_applied_);
  }
  applied_t in_use() { return by_rows_ ? applied_t(samples_, samples_.held(), options_.alpha) : applied_t(applied()); }
  /// The predictor in use, alpha I included; made here where the step did without. Throws state_error before the first step.
  M const& applied() const {
    if (refreshes_ == 0) throw state_error("objective: there is no predictor yet, expected a step or a restore first");
    if constexpr (knows_samples)
      if (by_rows_ && !made_) {
        M& p = ensure(applied_, samples_.rows(samples_.held()), shape(size(), size()));
        samples_.matrix(samples_.held(), p);
        add_diagonal(options_.alpha, p);
        made_ = true;
      }
    return *applied_;
  }
  std::int64_t step() const { return step_; }
  std::int64_t refreshes() const { return refreshes_; }
  Rule const& rule() const { return rule_; }
  index workspace_size() const {
    return work_.size() + rule_work_.size() + norm_work_.size() + samples_.workspace_size();
  }
  predictor_options const& options() const { return options_; }

  /// A copy of the state, read back to the host.
  predictor_state state() const {
    predictor_state s{step_, refreshes_, product_, 0, {}, 1, {}, {}};
    if (refreshes_ > 0) {
      s.size = size();
      s.average.resize(static_cast<std::size_t>(s.size * s.size));
      copy_out(average(), s.average);
      moments_.save(s.statistics_product, s.covariance, s.cross);
    }
    return s;
  }
  /// Continue from a state; `like` is any tensor of the kind to be made. Bit-exact: the next step is the one that would
  /// have followed. Throws domain_error for a state that no run can have.
  template <compatible<M> L>
  void restore(predictor_state const& s, L const& like) {
    detail::expect_possible(s, options_.statistics_momentum > 0, Rule::reads_cross_covariance);
    if (s.refreshes > 0) {
      M average = detail::make_owner<M>(like, shape(s.size, s.size));
      M applied = detail::make_owner<M>(like, shape(s.size, s.size));
      copy_in(s.average, average);
      assemble(average, s.momentum_product, applied);
      moments_.load(s.statistics_product, s.covariance, s.cross, average);
      average_.emplace(std::move(average)), applied_.emplace(std::move(applied));
    } else
      average_.reset(), applied_.reset(), moments_ = {};
    product_ = s.momentum_product, step_ = s.step, refreshes_ = s.refreshes, staged_ = by_rows_ = false;
  }

  /// ||P||_2 and ||P||_F before alpha I, and the rule's residual on the moments it last saw.
  scalar_t<M> spectral_norm() {
    M& p = work_.get(without_alpha, applied(), shape_of(applied()));
    copy(applied(), p);
    add_diagonal(-options_.alpha, p);
    return linalg::spectral_norm(p, norm_work_);
  }
  scalar_t<M> residual(covariances<M> const& batch) {
    auto const c = moments_.current(batch);
    average();  // by rows: into the slot below, where else the last P still is
    return rule_.residual(c, rule_work_, work_.get(raw, c.s, shape_of(c.s)));
  }
  std::string caution(covariances<M> const& batch) { return rule_.caution(moments_.current(batch), rule_work_); }

 private:
  enum slot : std::size_t { raw, without_alpha };

  M const& stage_from(M const& p) {
    if constexpr (detail::reads_scalars_freely<M>) expect_finite(dot(p, p));
    bool const first = refreshes_ == 0;
    expect_size(shape_of(p));
    if (first || by_rows_)  // the other half of each pair: the second step makes nothing
      ensure(average_, p), ensure(applied_, p);
    double const rho = options_.momentum;
    M& next = ensure(next_average_, p);
    axpby(1 - rho, p, 0.0, next);
    if (!first && !by_rows_) axpby(rho, *average_, 1.0, next);
    staged_product_ = product_ * rho;
    staged_ = true, staged_by_rows_ = false;
    assemble(next, staged_product_, ensure(next_applied_, p));
    return *next_applied_;
  }
  static void expect_finite(double squares) {
    if (!std::isfinite(squares))
      throw non_finite_error(
          "objective: the predictor has a NaN or an infinity, expected finite values: the latents "
          "are not finite, or too large for this rule");
  }
  void expect_size(shape const& next) const {
    if (refreshes_ > 0 && next != shape(size(), size()))
      throw shape_error(detail::complaint("objective", "the predictor", next.text(), shape(size(), size()).text()));
  }
  index size() const {
    if constexpr (knows_samples)
      if (by_rows_) return shape_of(samples_.rows(samples_.held())).cols();
    return shape_of(*average_).rows();
  }
  /// P_bar of the step taken; by rows it is P, made on every ask.
  M const& average() const {
    if constexpr (knows_samples)
      if (by_rows_) return matrix_of(samples_.held());
    return *average_;
  }
  M const& matrix_of(std::size_t half) const
    requires knows_samples
  {
    M const& y = samples_.rows(half);
    M& p = work_.get(raw, y, shape_of(y).cols(), shape_of(y).cols());
    samples_.matrix(half, p);
    return p;
  }
  void assemble(M const& average, double product, M& applied) {
    scalar_t<M> scale(1 / (1 - product));
    if (options_.rescale == rescaling::frobenius) scale = reciprocal(linalg::frobenius_norm(average));
    if (options_.rescale == rescaling::spectral) scale = reciprocal(linalg::spectral_norm(average, norm_work_));
    axpby(scale, average, 0.0, applied);
    add_diagonal(options_.alpha, applied);
  }
  static M& ensure(std::optional<M>& m, M const& like) { return ensure(m, like, shape_of(like)); }
  static M& ensure(std::optional<M>& m, M const& like, shape const& s) {
    if (!m || shape_of(*m) != s) m.emplace(filled(like, s));
    return *m;
  }

  Rule rule_;
  predictor_options options_;
  std::optional<M> average_, next_average_, next_applied_;
  mutable std::optional<M> applied_;  // by rows made when asked for
  mutable bool made_ = false;         // applied_ is of the rows held
  double product_ = 1, staged_product_ = 1;
  std::int64_t step_ = 0, refreshes_ = 0;
  bool staged_ = false, staged_by_rows_ = false, by_rows_ = false;
  mutable detail::sample_rows<M, knows_samples> samples_;
  detail::moment_average<M> moments_;
  mutable workspace<M> work_;
  workspace<M> rule_work_, norm_work_;
};

}  // namespace selfpred
