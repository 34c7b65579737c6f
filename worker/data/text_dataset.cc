#include "worker/data/text_dataset.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/digest/sha256.h"
#include "common/file/file_util.h"
#include "common/logging/logging.h"

namespace banyan::worker {
namespace {

absl::StatusOr<std::string> HashOf(const DataFile& text) {
  Sha256 hash;
  RETURN_IF_ERROR(text.Visit([&](std::span<const std::byte> block) {
    hash.Update(block);
    return absl::OkStatus();
  }));
  return hash.FinishHex();
}

// The file's tokens, and whether it still has the bytes of which it got its hash.
absl::Status Tokenize(const DataFile& text, const std::string& text_hash, TokenIndex::Sink sink) {
  Sha256 hash;
  std::vector<uint16_t> tokens;
  RETURN_IF_ERROR(text.Visit([&](std::span<const std::byte> block) {
    hash.Update(block);
    tokens.clear();
    for (const std::byte byte : block) tokens.push_back(std::to_integer<uint16_t>(byte));
    return sink(tokens);
  }));
  if (hash.FinishHex() == text_hash) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("data file '", text.name(), "' changed while it was read"));
}

// Only the text must be readable: a job that can do without the index's file is not stopped for want of it.
absl::StatusOr<TokenIndex> OpenOrMakeIndex(FileSystem& files, const DataFile& text, const std::string& text_hash,
                                           const std::string& directory) {
  const std::string path = JoinPath(directory, text_hash + "-bytes.tokens");
  absl::StatusOr<TokenIndex> index = TokenIndex::Open(path);
  if (index.ok()) return index;
  const auto produce = [&](TokenIndex::Sink sink) { return Tokenize(text, text_hash, sink); };
  absl::Status made = CreateDirectories(files, directory);
  if (made.ok()) made = TokenIndex::Write(files, path, produce);
  if (made.ok()) {
    index = TokenIndex::Open(path);
    if (index.ok()) return index;
    made = index.status();
  }
  index = TokenIndex::InMemory(produce);
  if (index.ok()) {
    log::Warning("index of '{}': {}; its {} bytes are kept in memory", text.name(), std::string(made.message()),
                 index->tokens().size_bytes());
  }
  return index;
}

absl::Status TooShort(const DataFile& text, const char* part, uint64_t tokens, uint64_t context) {
  return absl::InvalidArgumentError(absl::StrCat("data file '", text.name(), "': its ", part, " part has ", tokens,
                                                 " tokens, a sample of context ", context, " needs ", context + 1));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextDataset>> TextDataset::Open(FileSystem& files, const DataFile& text,
                                                               const Options& options) {
  CHECK_GE(options.context, 1u);
  const DataSplit split = SplitHeldOut(text.size_bytes(), options.held_out);
  DataFacts facts{.samples = TextSamples(split.training, options.context),
                  .held_out_samples = TextSamples(split.held_out, options.context),
                  .vocabulary = 256};
  if (facts.samples == 0) return TooShort(text, "training", split.training, options.context);
  if (options.held_out > 0 && facts.held_out_samples == 0) {
    return TooShort(text, "held-out", split.held_out, options.context);
  }
  ASSIGN_OR_RETURN(const std::string text_hash, HashOf(text));
  facts.hash = Sha256Hex(absl::StrCat("text sha256=", text_hash, " tokenizer=bytes context=", options.context,
                                      " training=", split.training, " held_out=", split.held_out, "\n"));
  ASSIGN_OR_RETURN(TokenIndex index, OpenOrMakeIndex(files, text, text_hash, options.index_directory));
  return std::unique_ptr<TextDataset>(new TextDataset(std::move(facts), std::move(index), split, options.context));
}

void TextDataset::Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const {
  CHECK_LT(sample, part == DataPart::kTraining ? facts().samples : facts().held_out_samples);
  CHECK_EQ(input.size(), input_bytes());
  CHECK_EQ(target.size(), target_bytes());
  const uint64_t first = (part == DataPart::kTraining ? 0 : split_.training) + sample * context_;
  const uint16_t* tokens = index_.tokens().data() + first;
  auto* in = reinterpret_cast<int32_t*>(input.data());
  auto* out = reinterpret_cast<int32_t*>(target.data());
  for (uint64_t i = 0; i < context_; ++i) {
    in[i] = tokens[i];
    out[i] = tokens[i + 1];
  }
}

}  // namespace banyan::worker
