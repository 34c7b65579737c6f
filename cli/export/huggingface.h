#ifndef BANYAN_CLI_EXPORT_HUGGINGFACE_H_
#define BANYAN_CLI_EXPORT_HUGGINGFACE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint/reader.h"
#include "common/file/file_system.h"

namespace banyan::cli {

// Writes `directory`/model.safetensors, weights and statistics under their names, and for a model that transformers
// knows (GPT-2 today) config.json, so that its from_pretrained takes the directory unchanged. Each byte read is checked.
// ALREADY_EXISTS where there is a model.safetensors.
absl::Status ExportWeights(FileSystem& files, const CheckpointReader& checkpoint, const std::string& directory);

// transformers' config.json of the checkpoint's model; nothing where it has none. INVALID_ARGUMENT where the recipe and
// the tensors do not belong together.
absl::StatusOr<std::optional<std::string>> TransformersConfig(const CheckpointReader& checkpoint);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_EXPORT_HUGGINGFACE_H_
