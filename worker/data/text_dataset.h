#ifndef BANYAN_WORKER_DATA_TEXT_DATASET_H_
#define BANYAN_WORKER_DATA_TEXT_DATASET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/data/held_out.h"
#include "common/file/file_system.h"
#include "worker/data/data_file.h"
#include "worker/data/dataset.h"
#include "worker/data/token_index.h"

namespace banyan::worker {

// Running text cut into samples: sample p is tokens p*context .. p*context + context, the first `context` of them the
// input, the last `context` the target. The held-out part is the contiguous tail of the text, cut in the same way from
// its own first token. A token is a byte.
//
// The tokens lie in an index `<index_directory>/<SHA-256 of the text>-bytes.tokens`, made when it is not there yet and
// made anew when it is damaged. The text itself is read at every opening, for its hash.
//
// facts().hash is SHA-256 of the line, ended by a newline,
//   text sha256=<of the file> tokenizer=bytes context=C training=<tokens> held_out=<tokens>
class TextDataset final : public Dataset {
 public:
  struct Options {
    std::string index_directory;  // made when missing
    uint64_t context = 1;         // tokens a sample
    double held_out = 0;          // share of the tokens, [0, 1)
  };

  // INVALID_ARGUMENT when a part that was asked for has not one sample, with the tokens it has and needs; ABORTED when
  // the file changed meanwhile.
  static absl::StatusOr<std::unique_ptr<TextDataset>> Open(FileSystem& files, const DataFile& text,
                                                           const Options& options);

  size_t input_bytes() const override { return context_ * sizeof(int32_t); }
  size_t target_bytes() const override { return context_ * sizeof(int32_t); }
  void Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const override;

 private:
  TextDataset(DataFacts facts, TokenIndex index, DataSplit split, uint64_t context)
      : Dataset(std::move(facts)), index_(std::move(index)), split_(split), context_(context) {}

  const TokenIndex index_;
  const DataSplit split_;
  const uint64_t context_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_TEXT_DATASET_H_
