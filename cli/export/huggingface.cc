#include "cli/export/huggingface.h"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/safetensors.h"
#include "common/file/file_util.h"
#include "nlohmann/json.hpp"
#include "proto/checkpoint.pb.h"

namespace banyan::cli {
namespace {

constexpr char kWeightsFile[] = "model.safetensors";

// Copies the tensors' bytes in the order of `tensors`, behind the header.
absl::Status CopyTensors(const CheckpointReader& checkpoint, const std::vector<SafetensorsTensor>& tensors,
                         const std::string& header, File& file) {
  RETURN_IF_ERROR(file.WriteAt(0, std::as_bytes(std::span(header))));
  uint64_t offset = header.size();
  std::vector<std::byte> buffer(1 << 20);
  for (const SafetensorsTensor& tensor : tensors) {
    const uint64_t size = checkpoint.contents().tensors().find(tensor.name)->second.size;
    for (uint64_t done = 0; done < size;) {
      const auto piece = std::span(buffer).first(std::min<uint64_t>(buffer.size(), size - done));
      RETURN_IF_ERROR(checkpoint.Read(tensor.name, static_cast<int64_t>(done) / SizeOf(tensor.dtype), piece));
      RETURN_IF_ERROR(file.WriteAt(offset, piece));
      offset += piece.size();
      done += piece.size();
    }
  }
  return file.Sync();
}

}  // namespace

absl::Status ExportWeights(FileSystem& files, const CheckpointReader& checkpoint, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::optional<std::string> config, TransformersConfig(checkpoint));
  std::vector<SafetensorsTensor> tensors;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) {
    tensors.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  // Wide elements first keeps every tensor aligned, as in the checkpoint.
  std::stable_sort(tensors.begin(), tensors.end(), [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
    return SizeOf(a.dtype) > SizeOf(b.dtype);
  });
  // transformers refuses a file whose metadata does not name a format.
  ASSIGN_OR_RETURN(const std::string header, EncodeSafetensorsHeader(tensors, {{"format", "pt"}}));
  RETURN_IF_ERROR(CreateDirectories(files, directory));
  const std::string path = JoinPath(directory, kWeightsFile);
  ASSIGN_OR_RETURN(const bool exists, Exists(files, path));
  if (exists) return absl::AlreadyExistsError(absl::StrCat("'", path, "' is there already; it is not overwritten"));
  const std::string fresh = path + ".tmp";
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(fresh, OpenMode::kTruncate));
    RETURN_IF_ERROR(CopyTensors(checkpoint, tensors, header, *file));
  }
  if (config) RETURN_IF_ERROR(WriteFileAtomically(files, JoinPath(directory, "config.json"), *config));
  RETURN_IF_ERROR(files.Rename(fresh, path));
  return files.SyncDirectory(directory);
}

absl::StatusOr<std::optional<std::string>> TransformersConfig(const CheckpointReader& checkpoint) {
  const v1::Model& model = checkpoint.manifest().recipe().model();
  if (!model.has_gpt()) return std::nullopt;
  const v1::Gpt& gpt = model.gpt();
  const auto& tensors = checkpoint.contents().tensors();
  const auto embedding = tensors.find("wte.weight");
  if (embedding == tensors.end() || embedding->second.shape.size() != 2) {
    return absl::InvalidArgumentError("a GPT's checkpoint has no tensor 'wte.weight' of two dimensions");
  }
  const nlohmann::ordered_json config = {
      {"architectures", {"GPT2LMHeadModel"}},
      {"model_type", "gpt2"},
      {"vocab_size", embedding->second.shape[0]},
      {"n_positions", gpt.context()},
      {"n_ctx", gpt.context()},
      {"n_embd", gpt.width()},
      {"n_layer", gpt.layers()},
      {"n_head", gpt.heads()},
      {"n_inner", nullptr},
      {"activation_function", "gelu_new"},
      {"layer_norm_epsilon", 1e-5},
      {"embd_pdrop", gpt.dropout()},
      {"attn_pdrop", gpt.dropout()},
      {"resid_pdrop", gpt.dropout()},
      {"scale_attn_weights", true},
      {"tie_word_embeddings", true},
      // A byte is a token; none of them begins or ends a text.
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr},
      {"torch_dtype", "float32"},
  };
  return config.dump(2) + "\n";
}

}  // namespace banyan::cli
