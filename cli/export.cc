#include "absl/strings/str_cat.h"
#include "cli/checkpoint_input.h"
#include "cli/commands.h"
#include "cli/export/huggingface.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

// The newest all of whose bytes are right; says which newer ones are not.
absl::StatusOr<CheckpointReader> OpenNewest(Environment& environment, const std::vector<CheckpointEntry>& entries) {
  absl::Status first;
  for (const CheckpointEntry& entry : entries) {
    absl::StatusOr<CheckpointReader> reader = CheckpointReader::Open(environment.files, entry.path);
    const absl::Status status = reader.ok() ? reader->VerifyAll() : reader.status();
    if (status.ok()) return reader;
    if (first.ok()) first = status;
    if (entries.size() > 1) environment.err << "skipped: " << status.message() << std::endl;
  }
  return first;
}

}  // namespace

ExitCode ExportCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "export",
               .arguments = "JOB|DIR OUT",
               .summary = "Writes the weights of the newest checkpoint of a job, of a job's folder, or of one\n"
                          "checkpoint, into the directory OUT: model.safetensors, and for a GPT config.json, so that\n"
                          "transformers' from_pretrained loads it.",
               .least = 2,
               .most = 2});
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const auto entries = FindCheckpoints(environment, cluster, flags.arguments()[0]);
  if (!entries.ok()) return Fail(environment, entries.status());
  const absl::StatusOr<CheckpointReader> checkpoint = OpenNewest(environment, *entries);
  if (!checkpoint.ok()) {
    Fail(environment, checkpoint.status());
    return CheckpointExitCodeOf(checkpoint.status());
  }
  const std::string& directory = flags.arguments()[1];
  const absl::Status written = ExportWeights(environment.files, *checkpoint, directory);
  if (!written.ok()) return Fail(environment, written);
  if (output.json()) {
    environment.out << nlohmann::ordered_json{{"path", directory}, {"step", checkpoint->step()}}.dump() << "\n";
  } else {
    environment.out << "exported step " << checkpoint->step() << " to " << directory << "\n";
  }
  return ExitCode::kDone;
}

}  // namespace banyan::cli
