#include "cli/base/command.h"

#include "absl/strings/str_cat.h"
#include "cli/base/contexts.h"
#include "common/base/status.h"
#include "common/rpc/token.h"

namespace banyan::cli {

ExitCode Fail(Environment& environment, const absl::Status& status) {
  environment.err << "banyan: error: " << status.message() << std::endl;
  return ExitCodeOf(status);
}

std::optional<ExitCode> ParseFlags(Environment& environment, Flags& flags, std::span<const std::string> arguments) {
  const absl::Status status = flags.Parse(arguments);
  if (!status.ok()) {
    Fail(environment, status);
    return ExitCode::kBadFlags;
  }
  if (!flags.help_wanted()) return std::nullopt;
  environment.out << flags.Help();
  return ExitCode::kDone;
}

void ClusterFlags::AddTo(Flags& flags) {
  flags.AddText("context", "NAME", &context_, "the cluster to speak to; see banyan context");
  flags.AddText("coordinator", "HOST:PORT", &coordinator_, "the cluster's coordinator, in place of a context");
  flags.AddText("token-file", "FILE", &token_file_, "the cluster's token");
}

absl::StatusOr<std::unique_ptr<JobsClient>> ClusterFlags::Connect(Environment& environment) const {
  ClusterAddress address{.coordinator = coordinator_};
  if (coordinator_.empty() || token_file_.empty()) {
    ASSIGN_OR_RETURN(const Contexts contexts, ReadContexts(environment.files, environment.config_dir));
    ASSIGN_OR_RETURN(address, contexts.Find(context_));
    if (!coordinator_.empty()) address.coordinator = coordinator_;
  }
  if (!token_file_.empty()) address.token_file = token_file_;
  ASSIGN_OR_RETURN(const std::string token, ReadToken(address.token_file));
  return environment.connect(address.coordinator, token);
}

}  // namespace banyan::cli
