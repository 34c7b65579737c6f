#include "worker/generation/stored_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/manifest.h"
#include "common/checkpoint/reader.h"
#include "common/config/defaults.h"
#include "common/file/file_util.h"
#include "common/model/build.h"
#include "proto/job.pb.h"
#include "worker/generation/gpt2_config.h"

namespace banyan::worker {
namespace {

constexpr int64_t kByteVocabulary = 256;
constexpr uint64_t kMaxConfigBytes = 1 << 20;
constexpr char kConfigFile[] = "config.json";

// The directory itself, or the newest checkpoint in it.
absl::StatusOr<std::string> FindModel(FileSystem& files, const std::string& directory) {
  for (const char* name : {kManifestFile, kConfigFile}) {
    ASSIGN_OR_RETURN(const bool there, Exists(files, JoinPath(directory, name)));
    if (there) return directory;
  }
  ASSIGN_OR_RETURN(const std::vector<CheckpointEntry> entries, ListCheckpoints(files, directory));
  for (const CheckpointEntry& entry : entries) {
    if (entry.status.ok()) return entry.path;
  }
  return absl::NotFoundError(absl::StrCat(
      "no model in '", directory, "': expected a checkpoint, checkpoints of a job, or weights with config.json"));
}

// `tokenizer` becomes the number of tokens that there are.
absl::StatusOr<v1::Model> ReadDescription(FileSystem& files, const std::string& directory, int64_t* tokenizer) {
  ASSIGN_OR_RETURN(const bool checkpoint, Exists(files, JoinPath(directory, kManifestFile)));
  if (checkpoint) {
    ASSIGN_OR_RETURN(const v1::CheckpointManifest manifest, ReadManifest(files, directory));
    v1::Model model = manifest.recipe().model();
    if (!model.has_gpt()) return absl::InvalidArgumentError("the model is no gpt, only that makes text");
    config::FillDefaults(&model);
    *tokenizer = kByteVocabulary;  // all tokenizers that there are
    return model;
  }
  ASSIGN_OR_RETURN(const std::string json, ReadFile(files, JoinPath(directory, kConfigFile), kMaxConfigBytes));
  v1::Model model;
  ASSIGN_OR_RETURN(*model.mutable_gpt(), ParseGpt2Config(json));
  *tokenizer = model.gpt().vocabulary();
  return model;
}

absl::StatusOr<std::unique_ptr<StoredModel>> Read(FileSystem& files, const std::string& directory) {
  auto model = std::make_unique<StoredModel>();
  ASSIGN_OR_RETURN(const v1::Model description, ReadDescription(files, directory, &model->tokenizer_vocabulary));
  const auto vocabulary = static_cast<uint64_t>(model->tokenizer_vocabulary);
  ASSIGN_OR_RETURN(model->graph, BuildGraph(description, {.vocabulary = vocabulary}));
  ASSIGN_OR_RETURN(const TensorFiles tensors, OpenInitialWeights(files, directory));
  // All shapes before the first allocation: a description may promise more than there is.
  for (const Parameter& parameter : model->graph.parameters) {
    RETURN_IF_ERROR(tensors.Check(parameter.name, parameter.shape));
  }
  for (const Parameter& parameter : model->graph.parameters) {
    std::vector<float>& weight = model->weights.emplace_back(ElementsOf(parameter.shape));
    RETURN_IF_ERROR(tensors.Read(parameter.name, 0, std::as_writable_bytes(std::span(weight))));
  }
  return model;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoredModel>> ReadStoredModel(FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string path, FindModel(files, directory));
  absl::StatusOr<std::unique_ptr<StoredModel>> model = Read(files, path);
  if (!model.ok()) return Annotate(model.status(), absl::StrCat("model in '", path, "'"));
  return model;
}

}  // namespace banyan::worker
