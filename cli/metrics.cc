#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/report/hex_float.h"
#include "cli/report/progress.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

// Floats in hex, so that bits compare as text.
std::string AsJson(const v1::LedgerLine& line) {
  nlohmann::ordered_json json = {{"step", line.step()},
                                 {"loss_sum", HexFloat(line.loss_sum())},
                                 {"weight", HexFloat(line.weight())},
                                 {"learning_rate", HexFloat(line.learning_rate())},
                                 {"grad_norm", nullptr},
                                 {"skipped", line.skipped()},
                                 {"state_fingerprint", absl::StrFormat("%016x", line.state_fingerprint())}};
  if (line.has_grad_norm()) json["grad_norm"] = HexFloat(line.grad_norm());
  return json.dump() + "\n";
}

std::string AsText(const v1::LedgerLine& line) {
  std::string text = absl::StrFormat("%8d  %10.6f  %.4e  ", line.step(), MeanLoss(line.loss_sum(), line.weight()),
                                     line.learning_rate());
  text += line.has_grad_norm() ? absl::StrFormat("%9.4f", line.grad_norm()) : absl::StrFormat("%9s", "-");
  return text + (line.skipped() ? "  skipped\n" : "\n");
}

}  // namespace

ExitCode MetricsCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  std::string form = "text";
  bool follow = false;
  Flags flags({.command = "metrics",
               .arguments = "JOB",
               .summary = "Prints one line a step: step, loss, learning rate, norm of the gradient.\n"
                          "-o jsonl gives the exact values, floats in hex.",
               .least = 1,
               .most = 1});
  flags.AddSwitch("f", &follow, "go on until the job is over");
  flags.AddChoice("o", {"text", "jsonl", "json"}, &form, "form of the output; json is jsonl");
  cluster.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  v1::WatchRequest request;
  request.set_job(flags.arguments().front());
  request.set_with_lines(true);
  request.set_once(!follow);
  const std::unique_ptr<UpdateStream> stream = (*client)->Watch(request);
  bool first = form == "text";
  v1::JobUpdate update;
  while (stream->Read(&update)) {
    if (!update.has_line()) continue;
    if (std::exchange(first, false)) {
      environment.out << absl::StrFormat("%8s  %10s  %10s  %9s\n", "STEP", "LOSS", "RATE", "NORM");
    }
    environment.out << (form == "text" ? AsText(update.line()) : AsJson(update.line()));
    if (follow) environment.out << std::flush;
  }
  const absl::Status status = stream->Finish();
  return status.ok() ? ExitCode::kDone : Fail(environment, status);
}

}  // namespace banyan::cli
