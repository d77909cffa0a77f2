// SPDX-License-Identifier: MIT
// A struct that is nothing but its parameters joins as a model by one line, and only if it is asked for.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/members.hpp>
#include <selfpred/schedule/constant.hpp>

#include "support/catch.hpp"

namespace {

struct layer {
  Eigen::MatrixXf weight;
  Eigen::VectorXf bias;
};
struct encoder {
  layer first;
  Eigen::MatrixXf projection;
  std::vector<layer> more;
  float scale;
};
struct widest {
  float a, b, c, d, e, f, g, h, i, j, k, l;
};
struct not_asked_for {
  Eigen::MatrixXf weight;
};

}  // namespace

template <>
struct selfpred::model_traits<layer> : selfpred::members_are_parameters {};
template <>
struct selfpred::model_traits<encoder> : selfpred::members_are_parameters {};
template <>
struct selfpred::model_traits<widest> : selfpred::members_are_parameters {};

static_assert(selfpred::model<encoder> && selfpred::model<layer> && !selfpred::has_buffers<encoder>);
static_assert(!selfpred::model<not_asked_for>, "a struct is never guessed to be a model");

TEST_CASE("members: all of them, in order, nested structs and ranges by their paths") {
  encoder e{{Eigen::MatrixXf::Ones(2, 2), Eigen::VectorXf::Ones(2)},
            Eigen::MatrixXf::Ones(3, 2),
            {{Eigen::MatrixXf::Ones(2, 2), Eigen::VectorXf::Ones(2)}},
            1};
  std::vector<std::string> names;
  selfpred::for_each_parameter(e, [&](std::string const& name, auto const&) { names.push_back(name); });
  CHECK(names == std::vector<std::string>{"0.0", "0.1", "1", "2.0.0", "2.0.1", "3"});

  selfpred::ema_target target{e, selfpred::constant_momentum{0.5}};
  e.scale = 0;
  e.more[0].bias.setZero();
  e.first.weight(1, 0) = 3;
  target.update(e);
  CHECK(target.model().scale == 0.5F);
  CHECK(target.model().more[0].bias == Eigen::VectorXf::Constant(2, 0.5F));
  CHECK(target.model().first.weight(1, 0) == 2.0F);
  CHECK(target.model().projection == e.projection);
}

TEST_CASE("members: as many as twelve") {
  widest online{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  selfpred::ema_target target{online, selfpred::constant_momentum{0}};
  online.a = -1, online.l = -12;
  target.update(online);
  CHECK(target.model().a == -1);
  CHECK(target.model().l == -12);
  CHECK(target.model().k == 11);
}
