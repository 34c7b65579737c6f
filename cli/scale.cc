#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "nlohmann/json.hpp"

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

// How many it takes from now on.
std::string AsText(const v1::JobDescription& job) {
  const v1::Workers& workers = job.resolved().job().run().workers();
  const uint32_t servers = job.resolved().job().run().servers().count();
  return absl::StrCat("job ", job.summary().id(), ": ",
                      workers.has_max() ? absl::StrCat(workers.min(), " to ", workers.max())
                                        : absl::StrCat("at least ", workers.min()),
                      " workers, ", servers, servers == 1 ? " server\n" : " servers\n");
}

std::string AsJson(const v1::JobDescription& job) {
  const v1::Run& run = job.resolved().job().run();
  nlohmann::ordered_json json = {{"job", job.summary().id()},
                                 {"workers", {{"min", run.workers().min()}, {"max", nullptr}}},
                                 {"servers", run.servers().count()}};
  if (run.workers().has_max()) json["workers"]["max"] = run.workers().max();
  return json.dump() + "\n";
}

}  // namespace

ExitCode ScaleCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
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
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::optional<Range> range = workers.empty() && servers ? Range() : ReadRange(workers);
  if (!range) {
    Fail(environment, absl::InvalidArgumentError(absl::StrCat("--workers is '", workers, "', expected N or MIN..MAX, 1 to ",
                                                              kMost, ", as 4 or 2..4")));
    return ExitCode::kBadFlags;
  }
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> before = (*client)->Describe(flags.arguments().front());
  if (!before.ok()) return Fail(environment, before.status());
  const std::string& id = before->summary().id();
  v1::ScaleRequest request;
  request.set_job(id);
  request.set_min(range->min);
  request.set_max(range->max);
  request.set_servers(static_cast<uint32_t>(servers.value_or(0)));
  const absl::Status scaled = (*client)->Scale(request);
  if (!scaled.ok()) return Fail(environment, scaled);
  const absl::StatusOr<v1::JobDescription> job = (*client)->Describe(id);
  if (!job.ok()) return Fail(environment, job.status());
  environment.out << (output.json() ? AsJson(*job) : AsText(*job));
  return ExitCode::kDone;
}

}  // namespace banyan::cli
