// Prints the logits that Banyan's kernels give a stored model, for comparison by tests/parity/export_logits.py:
//
//   logits DIRECTORY TOKEN...
//
// A line for each token, with the logits of what follows it: hex floats with blanks between.
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "common/file/posix_file_system.h"
#include "worker/generation/generator.h"

namespace banyan {
namespace {

absl::Status PrintLogits(int count, char** arguments) {
  if (count < 3) return absl::InvalidArgumentError("expected a directory and tokens");
  std::vector<int32_t> tokens(static_cast<size_t>(count - 2));
  for (int i = 2; i < count; ++i) {
    if (!absl::SimpleAtoi(arguments[i], &tokens[static_cast<size_t>(i - 2)])) {
      return absl::InvalidArgumentError("a token is no number");
    }
  }
  PosixFileSystem files;
  absl::StatusOr<std::unique_ptr<worker::StoredModel>> model = worker::ReadStoredModel(files, arguments[1]);
  if (!model.ok()) return model.status();
  absl::StatusOr<std::unique_ptr<worker::Generator>> generator = worker::Generator::Make(*std::move(model));
  if (!generator.ok()) return generator.status();
  const absl::StatusOr<std::span<const float>> logits = (*generator)->Logits(tokens);
  if (!logits.ok()) return logits.status();
  const auto vocabulary = static_cast<size_t>((*generator)->vocabulary());
  for (size_t i = 0; i < logits->size(); ++i) {
    std::printf("%a%c", static_cast<double>((*logits)[i]), (i + 1) % vocabulary == 0 ? '\n' : ' ');
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace banyan

int main(int count, char** arguments) {
  const absl::Status status = banyan::PrintLogits(count, arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "logits: %s\n", status.ToString().c_str());
  return 1;
}
