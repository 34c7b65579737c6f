#include "common/checkpoint/hashes.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/digest/sha256.h"

namespace banyan {
namespace {

// Hands `update` what is hashed of one tensor; `read` is TensorFiles' Read, or the checkpoint's.
template <typename Read, typename Update>
absl::Status HashTensor(std::string_view name, const TensorFiles::Tensor& tensor, const Read& read,
                        const Update& update) {
  const std::string nul(1, '\0');
  const std::string head = absl::StrCat(std::string(name), nul, std::string(DTypeName(tensor.dtype)), nul,
                                        absl::StrJoin(tensor.shape, ","), nul);
  update(std::as_bytes(std::span(head)));
  std::vector<std::byte> buffer(std::min<uint64_t>(tensor.size, 1 << 20));
  for (uint64_t done = 0; done < tensor.size;) {
    const auto piece = std::span(buffer).first(std::min<uint64_t>(buffer.size(), tensor.size - done));
    RETURN_IF_ERROR(read(name, static_cast<int64_t>(done) / SizeOf(tensor.dtype), piece));
    update(piece);
    done += piece.size();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckpointHashes> ComputeHashes(const CheckpointReader& checkpoint) {
  std::set<std::string_view> weights;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) {
    if (tensor.kind != CheckpointTensor::Kind::kStatistic) weights.insert(tensor.name);
  }
  Sha256 weights_hash;
  Sha256 state_hash;
  const auto read = [&](auto... arguments) { return checkpoint.Read(arguments...); };
  for (const auto& [name, tensor] : checkpoint.contents().tensors()) {
    const bool is_weight = weights.contains(name);
    RETURN_IF_ERROR(HashTensor(name, tensor, read, [&](std::span<const std::byte> bytes) {
      state_hash.Update(bytes);
      if (is_weight) weights_hash.Update(bytes);
    }));
  }
  return CheckpointHashes{.weights = weights_hash.FinishHex(), .state = state_hash.FinishHex()};
}

absl::StatusOr<std::string> ComputeHash(const TensorFiles& weights) {
  Sha256 hash;
  const auto read = [&](auto... arguments) { return weights.Read(arguments...); };
  for (const auto& [name, tensor] : weights.tensors()) {
    RETURN_IF_ERROR(
        HashTensor(name, tensor, read, [&](std::span<const std::byte> bytes) { hash.Update(bytes); }));
  }
  return hash.FinishHex();
}

}  // namespace banyan
