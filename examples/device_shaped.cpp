// SPDX-License-Identifier: MIT
// The shape of a device library: the owner shows a device view, the view does the operations, scalars are device slots.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "adapters/device.hpp"
#include "support/expect.hpp"

using owner = device::matrix<double>;
using view = device::view<double>;
using const_view = device::view<double const>;

static_assert(selfpred::matrix<owner> && selfpred::matrix<view> && selfpred::matrix<const_view>);
static_assert(selfpred::writable<owner> && selfpred::writable<view>);
static_assert(!selfpred::writable<owner const> && !selfpred::writable<const_view>, "read, not written");
static_assert(std::same_as<selfpred::owner_t<const_view>, owner>, "results of views are owned");
static_assert(selfpred::compatible<owner, const_view> && !selfpred::compatible<owner, Eigen::MatrixXd>);

namespace {

device::stream stream;

owner upload(Eigen::MatrixXd const& host) {
  owner m(stream, host.rows(), host.cols());
  std::vector<double> row_major(static_cast<std::size_t>(host.size()));
  selfpred::copy_out(host, row_major);
  selfpred::copy_in(row_major, m);
  return m;
}
double distance(owner const& x, Eigen::MatrixXd const& host) {
  auto difference = upload(host);
  selfpred::axpby(1.0, x, -1.0, difference);
  return std::sqrt(selfpred::value(selfpred::dot(difference, difference))) / host.norm();
}

}  // namespace

int main() {
  Eigen::MatrixXd const h1 = Eigen::MatrixXd::Random(32, 8), h2 = Eigen::MatrixXd::Random(32, 8),
                        g1 = Eigen::MatrixXd::Random(32, 8), g2 = Eigen::MatrixXd::Random(32, 8);
  owner const z1 = upload(h1), t1 = upload(g1);
  owner z2 = upload(h2), t2 = upload(g2);

  auto on_host = selfpred::make_objective<Eigen::MatrixXd>(selfpred::newton_schulz{}, {.alpha = 0.3});
  auto on_device = selfpred::make_objective<owner>(selfpred::newton_schulz{}, {.alpha = 0.3});
  auto const host = on_host.step(h1, h2, selfpred::stop_gradient(g1), selfpred::stop_gradient(g2));
  stream = {};
  // owners and views, const or not, meet in one call
  auto const result = on_device.step(z1.view(), z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2.view()));
  std::printf("%ld launches, %ld synchronisations\n", stream.launches, stream.synchronisations);
  expect(stream.launches > 0 && stream.synchronisations == 0);
  expect(std::abs(selfpred::value(result.loss) - host.loss) < 1e-12 * host.loss);
  expect(distance(result.gradient1, host.gradient1) < 1e-12 && distance(result.gradient2, host.gradient2) < 1e-12);
  return failures;
}
