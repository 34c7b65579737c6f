#include "worker/data/text_dataset.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/digest/sha256.h"
#include "common/file/file_util.h"

namespace banyan::worker {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

std::string HashOf(std::span<const std::byte> text) {
  Sha256 hash;
  for (size_t at = 0; at < text.size(); at += kBlockBytes) {
    hash.Update(text.subspan(at, std::min(kBlockBytes, text.size() - at)));
  }
  return hash.FinishHex();
}

// Under another name first: a crash leaves no half index under the name that is looked for. The name is this process's
// own, so that workers that share a directory do not write into each other's.
absl::Status WriteIndex(FileSystem& files, std::span<const std::byte> text, const std::string& path) {
  const std::string temporary = absl::StrCat(path, ".", reinterpret_cast<uintptr_t>(text.data()), ".tmp");
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(temporary, OpenMode::kTruncate));
    std::vector<uint8_t> block;
    for (size_t at = 0; at < text.size(); at += kBlockBytes) {
      block.clear();
      for (const std::byte byte : text.subspan(at, std::min(kBlockBytes, text.size() - at))) {
        block.push_back(static_cast<uint8_t>(byte));
        block.push_back(0);
      }
      RETURN_IF_ERROR(file->WriteAt(at * 2, std::as_bytes(std::span(block))));
    }
    RETURN_IF_ERROR(file->Sync());
  }
  return files.Rename(temporary, path);
}

absl::Status TooShort(const TextDataset::Options& options, const char* part, uint64_t tokens) {
  return absl::InvalidArgumentError(absl::StrCat("text '", options.name, "': the ", part, " part has ", tokens,
                                                 " tokens, a sample of context ", options.context,
                                                 " needs ", options.context + 1));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextDataset>> TextDataset::Open(FileSystem& files, const Options& options) {
  CHECK_GE(options.context, 1u);
  absl::StatusOr<MappedFile> text = MappedFile::Open(options.path);
  if (!text.ok()) return Annotate(text.status(), absl::StrCat("text '", options.name, "'"));
  const uint64_t tokens = text->bytes().size();
  const DataSplit split = SplitHeldOut(tokens, options.held_out);
  DataFacts facts{.hash = HashOf(text->bytes()),
                  .samples = TextSamples(split.training, options.context),
                  .held_out_samples = TextSamples(split.held_out, options.context),
                  .vocabulary = 256};
  if (facts.samples == 0) return TooShort(options, "training", split.training);
  if (options.held_out > 0 && facts.held_out_samples == 0) return TooShort(options, "held-out", split.held_out);

  RETURN_IF_ERROR(CreateDirectories(files, options.state_directory));
  const std::string path = JoinPath(options.state_directory, absl::StrCat(facts.hash, "-bytes.u16"));
  const absl::StatusOr<FileInfo> info = files.Stat(path);
  if (!info.ok() || info->size != tokens * 2) {
    RETURN_IF_ERROR(Annotate(WriteIndex(files, text->bytes(), path), absl::StrCat("index of text '", options.name, "'")));
  }
  ASSIGN_OR_RETURN(MappedFile index, MappedFile::Open(path));
  if (index.bytes().size() != tokens * 2) {
    return absl::DataLossError(absl::StrCat("index '", path, "' has ", index.bytes().size(), " bytes, expected ",
                                            tokens * 2, "; remove it"));
  }
  return std::unique_ptr<TextDataset>(new TextDataset(std::move(facts), std::move(index), split, options.context));
}

void TextDataset::Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const {
  CHECK_LT(sample, part == DataPart::kTraining ? facts().samples : facts().held_out_samples);
  CHECK_EQ(input.size(), input_bytes());
  CHECK_EQ(target.size(), target_bytes());
  const uint64_t first = (part == DataPart::kTraining ? 0 : split_.training) + sample * context_;
  const auto* tokens = reinterpret_cast<const uint16_t*>(index_.bytes().data()) + first;
  auto* in = reinterpret_cast<int32_t*>(input.data());
  auto* out = reinterpret_cast<int32_t*>(target.data());
  for (uint64_t i = 0; i < context_; ++i) {
    in[i] = tokens[i];
    out[i] = tokens[i + 1];
  }
}

}  // namespace banyan::worker
