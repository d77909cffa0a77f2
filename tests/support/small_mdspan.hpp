// SPDX-License-Identifier: MIT
// small_mdspan.hpp: the least that adapters/mdspan.hpp asks for, so that its test never depends on a library.
#pragma once
#include <array>
#include <cstddef>

namespace small {

/// A rank, extents and strides; data() as Kokkos::View has it, or data_handle() as std::mdspan has it.
template <class S, int Rank, bool Handle = false>
class mdspan {
 public:
  using sizes = std::array<int, Rank>;
  mdspan(S* data, sizes extents, sizes strides) : data_(data), extents_(extents), strides_(strides) {}

  static constexpr std::size_t rank() { return Rank; }
  int extent(std::size_t r) const { return extents_[r]; }
  int stride(std::size_t r) const { return strides_[r]; }
  S* data() const
    requires(!Handle)
  {
    return data_;
  }
  S* const& data_handle() const
    requires Handle
  {
    return data_;
  }

 private:
  S* data_;
  sizes extents_, strides_;
};

}  // namespace small
