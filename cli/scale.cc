#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/job_end.h"

namespace banyan::cli {
namespace {

constexpr uint32_t kMost = 4096;  // as of run.workers.max and run.servers.count

struct Range {
  uint32_t min = 0;  // 0: not said
  uint32_t max = 0;
};

// `N` or `MIN..MAX`.
std::optional<Range> ReadRange(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, "..");
  Range range;
  if (parts.size() > 2) return std::nullopt;
  if (!absl::SimpleAtoi(parts.back(), &range.max) || range.max < 1 || range.max > kMost) return std::nullopt;
  if (parts.size() == 1) return range;
  if (!absl::SimpleAtoi(parts.front(), &range.min) || range.min < 1 || range.min > range.max) return std::nullopt;
  return range;
}

}  // namespace

ExitCode ScaleCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  std::string workers;
  std::optional<uint64_t> servers;
  Flags flags({.command = "scale",
               .arguments = "JOB",
               .summary = "Changes how many workers and servers a job takes, for good and while it trains: at most N\n"
                          "workers, or between MIN and MAX. It waits while there are fewer than MIN; those beyond MAX leave\n"
                          "after the step, servers beyond N when their chunks have moved, and are free for other jobs. It\n"
                          "starts and ends no process.",
               .least = 1,
               .most = 1});
  flags.AddText("workers", "N|MIN..MAX", &workers, "sets run.workers.max, or min and max");
  flags.AddCount("servers", 1, kMost, &servers, "sets run.servers.count");
  cluster.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::optional<Range> range = workers.empty() && servers ? Range() : ReadRange(workers);
  if (!range) {
    Fail(environment, absl::InvalidArgumentError(absl::StrCat("--workers is '", workers, "', expected N or MIN..MAX, 1 to ",
                                                              kMost, ", as 4 or 2..4")));
    return ExitCode::kBadFlags;
  }
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  v1::ScaleRequest request;
  request.set_job(flags.arguments().front());
  request.set_min(range->min);
  request.set_max(range->max);
  request.set_servers(static_cast<uint32_t>(servers.value_or(0)));
  const absl::Status scaled = (*client)->Scale(request);
  return scaled.ok() ? ExitCode::kDone : Fail(environment, scaled);
}

}  // namespace banyan::cli
