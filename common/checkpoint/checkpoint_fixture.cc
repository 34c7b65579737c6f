#include "common/checkpoint/checkpoint_fixture.h"

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/checkpoint/publisher.h"
#include "common/tensor/payload.h"

namespace banyan::fixture {

CheckpointLayout SmallLayout() {
  using Kind = CheckpointTensor::Kind;
  return CheckpointLayout::Create({
                                      {"wte.weight", DType::kF32, {5, 4}, Kind::kTrainable, {"exp_avg", "exp_avg_sq"}},
                                      {"h.0.bias", DType::kF32, {3}, Kind::kTrainable, {"exp_avg", "exp_avg_sq"}},
                                      {"frozen", DType::kBF16, {2, 3}, Kind::kFrozen, {}},
                                      {"bn.mean", DType::kF64, {2}, Kind::kStatistic, {}},
                                      {"empty", DType::kF32, {0, 9}, Kind::kFrozen, {}},
                                  })
      .value();
}

std::string TensorBytes(const CheckpointLayout& layout, const std::string& tensor, const CheckpointName& name) {
  const CheckpointLayout::Place& place = *layout.Find(tensor);
  std::string bytes(place.OffsetOf(place.elements) - place.offset, '\0');
  if (tensor == CheckpointLayout::kStepName) {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(name.step >> (8 * i));
    return bytes;
  }
  uint64_t state = name.step * 1000003 + name.term * 7919 + 1;
  for (const char c : tensor) state = state * 1099511628211u + static_cast<unsigned char>(c);
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

absl::StatusOr<std::vector<PartRange>> WritePart(FileSystem& files, const CheckpointLayout& layout,
                                                 const std::string& job, const CheckpointName& name, int index,
                                                 int count, int64_t piece) {
  ASSIGN_OR_RETURN(const auto writer, CheckpointWriter::Open(files, layout, job, name));
  int number = 0;
  for (const auto& [tensor, place] : layout.places()) {
    if (tensor == CheckpointLayout::kStepName) continue;
    const std::string bytes = TensorBytes(layout, tensor, name);
    for (int64_t first = 0; first < place.elements; first += piece) {
      if (number++ % count != index) continue;
      const int64_t end = std::min(place.elements, first + piece);
      const size_t size = static_cast<size_t>(SizeOf(place.dtype));
      const size_t part_size = static_cast<size_t>(end - first) * size;
      const auto part = AsBytes(bytes).subspan(static_cast<size_t>(first) * size, part_size);
      // In two ranges, as two network slices would come.
      Payload payload = Payload::Borrow(part.first(1));
      payload.Append(part.subspan(1), nullptr);
      RETURN_IF_ERROR(writer->Write(tensor, first, payload));
    }
  }
  return writer->Finish();
}

v1::CheckpointManifest Facts(const CheckpointName& name) {
  v1::CheckpointManifest facts;
  facts.set_job_id("job-1");
  facts.set_job_name("small");
  facts.set_step(name.step);
  facts.set_term(name.term);
  facts.set_device_kind("avx2");
  facts.mutable_recipe()->set_seed(7);
  return facts;
}

absl::Status WriteAndPublish(FileSystem& files, const CheckpointLayout& layout, const std::string& job,
                             const CheckpointName& name, int servers) {
  std::vector<PartRange> parts;
  for (int i = 0; i < servers; ++i) {
    ASSIGN_OR_RETURN(const std::vector<PartRange> part, WritePart(files, layout, job, name, i, servers));
    parts.insert(parts.end(), part.begin(), part.end());
  }
  return PublishCheckpoint(files, layout, job, Facts(name), parts);
}

absl::Status CheckRight(const CheckpointReader& reader) {
  ASSIGN_OR_RETURN(const CheckpointLayout layout, CheckpointLayout::Create(reader.tensors()));
  const CheckpointName name{.term = reader.term(), .step = reader.step()};
  for (const auto& [tensor, entry] : reader.contents().tensors()) {
    std::string bytes(entry.size, '\0');
    RETURN_IF_ERROR(reader.Read(tensor, 0, std::as_writable_bytes(std::span(bytes))));
    if (bytes != TensorBytes(layout, tensor, name)) {
      return absl::InternalError(absl::StrCat("tensor '", tensor, "' has wrong bytes and nobody noticed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace banyan::fixture
