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

absl::StatusOr<CheckpointHashes> ComputeHashes(const CheckpointReader& checkpoint) {
  std::set<std::string_view> weights;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) {
    if (tensor.kind != CheckpointTensor::Kind::kStatistic) weights.insert(tensor.name);
  }
  Sha256 weights_hash;
  Sha256 state_hash;
  std::vector<std::byte> buffer(1 << 20);
  for (const auto& [name, tensor] : checkpoint.contents().tensors()) {
    const bool is_weight = weights.contains(name);
    const auto update = [&](std::span<const std::byte> bytes) {
      state_hash.Update(bytes);
      if (is_weight) weights_hash.Update(bytes);
    };
    const std::string nul(1, '\0');
    const std::string head = absl::StrCat(name, nul, std::string(DTypeName(tensor.dtype)), nul,
                                          absl::StrJoin(tensor.shape, ","), nul);
    update(std::as_bytes(std::span(head)));
    for (uint64_t done = 0; done < tensor.size;) {
      const auto piece = std::span(buffer).first(std::min<uint64_t>(buffer.size(), tensor.size - done));
      RETURN_IF_ERROR(checkpoint.Read(name, static_cast<int64_t>(done) / SizeOf(tensor.dtype), piece));
      update(piece);
      done += piece.size();
    }
  }
  return CheckpointHashes{.weights = weights_hash.FinishHex(), .state = state_hash.FinishHex()};
}

}  // namespace banyan
