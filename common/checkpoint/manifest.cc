// manifest.json        = protobuf's JSON of banyan.v1.CheckpointManifest
// manifest.json.sha256 = 64 lower-case hex digits, two spaces, "manifest.json", line feed (as `sha256sum` writes it)
#include "common/checkpoint/manifest.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/strict_json.h"
#include "common/digest/sha256.h"
#include "common/file/file_util.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace banyan {
namespace {

constexpr uint64_t kMaxManifestBytes = uint64_t{256} << 20;
constexpr size_t kMaxDepth = 64;  // below protobuf's own limit of 100, where it would report less clearly

std::string DigestLine(const std::string& json) { return absl::StrCat(Sha256Hex(json), "  ", kManifestFile, "\n"); }

// Read by itself, so that a later version's unknown fields do not hide the reason.
absl::Status CheckVersion(const std::string& json) {
  using Json = nlohmann::json;
  const Json value = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  uint64_t version = 0;
  if (value.is_object() && value.contains("format_version") && value["format_version"].is_number_unsigned()) {
    version = value["format_version"].get<uint64_t>();
  }
  if (version == kCheckpointFormatVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("checkpoint has format version ", version,
                                                    ", this program reads version ", kCheckpointFormatVersion));
}

absl::Status CheckFiles(const v1::CheckpointManifest& manifest) {
  if (manifest.files().empty()) return absl::InvalidArgumentError("no files");
  for (const v1::CheckpointFile& file : manifest.files()) {
    if (file.name().empty() || file.name() == "." || file.name() == ".." ||
        file.name().find_first_of(std::string("/\0", 2)) != std::string::npos) {
      return absl::InvalidArgumentError("a file's name is empty or leaves the directory");
    }
    uint64_t position = 0;
    for (const v1::CheckpointRange& range : file.ranges()) {
      if (range.size() == 0 || __builtin_add_overflow(position, range.size(), &position)) {
        return absl::InvalidArgumentError(absl::StrCat("file '", file.name(), "' has a range of impossible size"));
      }
    }
    if (position != file.size()) {
      return absl::InvalidArgumentError(absl::StrCat("file '", file.name(), "' has ", file.size(),
                                                     " bytes, its checksums cover ", position));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ManifestToJson(const v1::CheckpointManifest& manifest) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(manifest, &json, options);
  if (!status.ok()) return absl::InternalError(absl::StrCat("manifest to JSON: ", status.ToString()));
  return json;
}

absl::StatusOr<v1::CheckpointManifest> ManifestFromJson(const std::string& json) {
  RETURN_IF_ERROR(CheckStrictJson(json, kMaxDepth));
  RETURN_IF_ERROR(CheckVersion(json));
  v1::CheckpointManifest manifest;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &manifest, options);
  if (!status.ok()) return absl::InvalidArgumentError(status.ToString());
  RETURN_IF_ERROR(CheckFiles(manifest));
  return manifest;
}

absl::StatusOr<std::vector<CheckpointTensor>> TensorsOf(const v1::CheckpointManifest& manifest) {
  std::vector<CheckpointTensor> tensors;
  for (const v1::CheckpointTensor& entry : manifest.tensors()) {
    const std::optional<DType> dtype = ParseDType(entry.dtype());
    CheckpointTensor tensor{.name = entry.name(),
                            .shape = Shape(entry.shape().begin(), entry.shape().end()),
                            .slots = {entry.slots().begin(), entry.slots().end()}};
    if (dtype.has_value()) tensor.dtype = *dtype;
    const bool known_kind =
        entry.kind() > v1::CheckpointTensor::KIND_UNSPECIFIED && v1::CheckpointTensor::Kind_IsValid(entry.kind());
    if (!dtype.has_value() || !known_kind) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", entry.name(), "' has dtype '", entry.dtype(),
                                                     "' and kind ", static_cast<int>(entry.kind()),
                                                     ", one of which is none"));
    }
    tensor.kind = static_cast<CheckpointTensor::Kind>(entry.kind() - v1::CheckpointTensor::TRAINABLE);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void SetTensors(const std::vector<CheckpointTensor>& tensors, v1::CheckpointManifest& manifest) {
  manifest.clear_tensors();
  for (const CheckpointTensor& tensor : tensors) {
    v1::CheckpointTensor& entry = *manifest.add_tensors();
    entry.set_name(tensor.name);
    entry.set_dtype(std::string(DTypeName(tensor.dtype)));
    entry.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    entry.set_kind(static_cast<v1::CheckpointTensor::Kind>(v1::CheckpointTensor::TRAINABLE +
                                                           static_cast<int>(tensor.kind)));
    for (const std::string& slot : tensor.slots) entry.add_slots(slot);
  }
}

absl::Status WriteManifest(FileSystem& files, const std::string& directory, const v1::CheckpointManifest& manifest) {
  ASSIGN_OR_RETURN(const std::string json, ManifestToJson(manifest));
  RETURN_IF_ERROR(WriteFileAtomically(files, JoinPath(directory, kManifestFile), json));
  return WriteFileAtomically(files, JoinPath(directory, kManifestDigestFile), DigestLine(json));
}

absl::StatusOr<v1::CheckpointManifest> ReadManifest(FileSystem& files, const std::string& directory) {
  const std::string path = JoinPath(directory, kManifestFile);
  ASSIGN_OR_RETURN(const std::string json, ReadFile(files, path, kMaxManifestBytes));
  const absl::StatusOr<std::string> digest = ReadFile(files, JoinPath(directory, kManifestDigestFile), 1024);
  if (!digest.ok()) {
    const bool damaged = absl::IsNotFound(digest.status()) || absl::IsOutOfRange(digest.status());
    return absl::Status(damaged ? absl::StatusCode::kDataLoss : digest.status().code(), digest.status().message());
  }
  if (*digest != DigestLine(json)) {
    return absl::DataLossError(absl::StrCat("checkpoint manifest '", path, "' is damaged: its SHA-256 is ",
                                            Sha256Hex(json), ", but '", kManifestDigestFile, "' says otherwise"));
  }
  absl::StatusOr<v1::CheckpointManifest> manifest = ManifestFromJson(json);
  if (!manifest.ok()) return Annotate(manifest.status(), absl::StrCat("checkpoint manifest '", path, "'"));
  return manifest;
}

}  // namespace banyan
