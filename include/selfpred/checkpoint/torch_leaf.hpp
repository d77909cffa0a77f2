// SPDX-License-Identifier: MIT
// libtorch's tensors in checkpoints: bit for bit, in the element type that they have at run time. Needs libtorch beside
// nlohmann_json.
#pragma once
#include <selfpred/adapters/torch.hpp>
#include <selfpred/checkpoint/leaf.hpp>

namespace selfpred {

/// A leaf of its tensor's own dtype: BOOL, U8, I8, I16, I32, I64, F16, BF16, F32 or F64, as safetensors.torch names them; of
/// any strides, and on any device by way of a copy on the CPU. Errors: domain_error for other types (complex, quantised).
/// Example: save_checkpoint("run.safetensors", named{"net", net}, named{"target", target}) of torch modules
template <>
struct leaf_access<at::Tensor> {
  static at::Tensor hold(at::Tensor const& x) { return x; }
  static dtype type(at::Tensor const& x) {
    switch (x.scalar_type()) {
      case at::kBool:
        return dtype::boolean;
      case at::kByte:
        return dtype::u8;
      case at::kChar:
        return dtype::i8;
      case at::kShort:
        return dtype::i16;
      case at::kInt:
        return dtype::i32;
      case at::kLong:
        return dtype::i64;
      case at::kHalf:
        return dtype::f16;
      case at::kBFloat16:
        return dtype::bf16;
      case at::kFloat:
        return dtype::f32;
      case at::kDouble:
        return dtype::f64;
      default:
        throw domain_error(detail::complaint("checkpoint", "the type of a torch tensor", at::toString(x.scalar_type()),
                                             "bool, an integer, or a real float"));
    }
  }
  static selfpred::shape extent(at::Tensor const& x) { return shape_of(x); }
  static void put(at::Tensor const& x, byte_sink const& sink) {
    at::Tensor const dense = x.detach().to(at::kCPU).contiguous();  // itself, where it is that already
    sink({static_cast<std::byte const*>(dense.data_ptr()), dense.nbytes()});
  }
  static void get(at::Tensor& x, byte_source const& source) {
    at::NoGradGuard const quiet;
    auto const type = x.scalar_type() == at::kBool ? at::kByte : x.scalar_type();  // any byte but 0 is a true bool
    at::Tensor const dense = at::empty(x.sizes(), at::device(at::kCPU).dtype(type));
    source({static_cast<std::byte*>(dense.data_ptr()), dense.nbytes()});
    x.copy_(dense);
  }
};
template <>
struct leaf_access<at::Tensor const> : leaf_access<at::Tensor> {};

}  // namespace selfpred
