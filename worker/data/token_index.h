#ifndef BANYAN_WORKER_DATA_TOKEN_INDEX_H_
#define BANYAN_WORKER_DATA_TOKEN_INDEX_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "worker/data/mapped_file.h"

namespace banyan::worker {

// The tokens of a text in a file, mapped into memory: made once and used by every later job. Where there is no room for
// the file, in memory alone. The format's grammar is at the top of token_index.cc. Thread-safe.
class TokenIndex {
 public:
  // Gets runs of tokens, in order.
  using Sink = absl::FunctionRef<absl::Status(std::span<const uint16_t>)>;

  // Writes the tokens that `produce` gives its sink into the index `path`, which gets its name when all of it is on
  // disk. Several processes may write one index at once: its name must say what is in it, so that they write the same.
  static absl::Status Write(FileSystem& files, const std::string& path,
                            absl::FunctionRef<absl::Status(Sink)> produce);

  // Takes 2 bytes a token.
  static absl::StatusOr<TokenIndex> InMemory(absl::FunctionRef<absl::Status(Sink)> produce);

  // NOT_FOUND where there is none; DATA_LOSS where it is damaged. Reads every byte once.
  static absl::StatusOr<TokenIndex> Open(const std::string& path);

  std::span<const uint16_t> tokens() const { return tokens_; }

 private:
  TokenIndex(MappedFile file, std::span<const uint16_t> tokens) : owner_(std::move(file)), tokens_(tokens) {}
  explicit TokenIndex(std::vector<uint16_t> tokens)
      : owner_(std::move(tokens)), tokens_(std::get<std::vector<uint16_t>>(owner_)) {}

  std::variant<MappedFile, std::vector<uint16_t>> owner_;
  std::span<const uint16_t> tokens_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_TOKEN_INDEX_H_
