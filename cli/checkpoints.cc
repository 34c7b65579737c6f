#include "absl/strings/str_cat.h"
#include "cli/checkpoint_input.h"
#include "cli/commands.h"
#include "cli/report/progress.h"
#include "cli/report/table.h"
#include "common/base/status.h"
#include "common/checkpoint/hashes.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

struct Verified {
  CheckpointHashes hashes;
  uint64_t bytes = 0;
};

absl::StatusOr<Verified> Verify(FileSystem& files, const CheckpointEntry& entry) {
  RETURN_IF_ERROR(entry.status);
  ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(files, entry.path));
  RETURN_IF_ERROR(reader.VerifyAll());
  Verified verified;
  ASSIGN_OR_RETURN(verified.hashes, ComputeHashes(reader));
  for (const auto& [name, tensor] : reader.contents().tensors()) verified.bytes += tensor.size;
  return verified;
}

}  // namespace

ExitCode CheckpointsCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "checkpoints",
               .arguments = "JOB|DIR",
               .summary = "Lists a job's checkpoints, the newest first, and reads every byte of them; ends with 7 when\n"
                          "one is damaged. DIR is a job's folder or one checkpoint; no cluster is needed for it.",
               .least = 1,
               .most = 1});
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const auto entries = FindCheckpoints(environment, cluster, flags.arguments().front());
  if (!entries.ok()) return Fail(environment, entries.status());

  ExitCode code = ExitCode::kDone;
  std::vector<std::vector<std::string>> rows = {{"STEP", "TERM", "SIZE", "STATE HASH", "PATH"}};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const CheckpointEntry& entry : *entries) {
    const absl::StatusOr<Verified> verified = Verify(environment.files, entry);
    if (!verified.ok()) {
      Fail(environment, verified.status());
      code = CheckpointExitCodeOf(verified.status());
    }
    const Verified facts = verified.ok() ? *verified : Verified();
    rows.push_back({absl::StrCat(entry.name.step), absl::StrCat(entry.name.term),
                    verified.ok() ? ShortCount(static_cast<double>(facts.bytes)) : "-",
                    verified.ok() ? facts.hashes.state.substr(0, 16) : "damaged", entry.path});
    list.push_back({{"step", entry.name.step},
                    {"term", entry.name.term},
                    {"good", verified.ok()},
                    {"bytes", facts.bytes},
                    {"state_hash", facts.hashes.state},
                    {"weights_hash", facts.hashes.weights},
                    {"path", entry.path}});
  }
  environment.out << (output.json() ? list.dump() + "\n" : Table(rows));
  return code;
}

}  // namespace banyan::cli
