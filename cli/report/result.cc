#include "cli/report/result.h"

#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/base/exit_code.h"
#include "cli/report/hex_float.h"
#include "cli/report/progress.h"
#include "common/base/status.h"
#include "common/checkpoint/hashes.h"
#include "common/checkpoint/reader.h"
#include "common/file/file_util.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

using Json = nlohmann::ordered_json;

// Always there, so that scripts need not ask.
constexpr const char* kCounters[] = {"leaves_computed", "leaves_recomputed", "partials_duplicate", "rollbacks",
                                     "skipped_steps",   "bytes_pushed",      "bytes_pushed_in_backward"};

// Weights are counts nearly always, and read better so.
Json Number(double value) {
  if (std::floor(value) == value && std::fabs(value) < 9007199254740992.0) return static_cast<int64_t>(value);
  return value;
}

Json Loss(double loss_sum, double weight) {
  return {{"loss", MeanLoss(loss_sum, weight)}, {"loss_sum", HexFloat(loss_sum)}, {"weight", Number(weight)}};
}

Json LayoutJson(const v1::JobDescription& job) {
  std::map<uint64_t, Json> shares;  // by worker's id
  for (const v1::Assignment::Share& share : job.assignment().shares()) {
    Json nodes = Json::array();
    for (const v1::TreeNode& node : share.nodes()) nodes.push_back({node.level(), node.index()});
    shares[share.worker()] = nodes;
  }
  Json plan = Json::array();
  for (const auto& [worker, nodes] : shares) plan.push_back({{"worker", plan.size()}, {"nodes", nodes}});
  int servers = 0;
  for (const v1::Process& process : job.processes()) servers += process.role() == v1::SERVER ? 1 : 0;
  return {{"workers", shares.size()}, {"servers", servers}, {"chunk_bytes", job.chunk_bytes()}, {"leaf_plan", plan}};
}

Json CountersJson(const v1::JobDescription& job) {
  Json counters = Json::object();
  for (const char* name : kCounters) counters[name] = 0;
  const std::map<std::string, uint64_t> all(job.counters().begin(), job.counters().end());
  for (const auto& [name, value] : all) counters[name] = value;
  return counters;
}

Json EventsJson(const v1::JobDescription& job) {
  Json events = Json::array();
  for (const v1::Event& event : job.events()) {
    events.push_back({{"time", absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(std::llround(event.time() * 1e6)),
                                                absl::UTCTimeZone())},
                      {"step", event.step()},
                      {"type", event.type()},
                      {"who", event.who()}});
  }
  return events;
}

// From `version+commit` of a process and from `cpu:avx512_core:onednn-2.6.3:kernels-1`.
Json BuildJson(const v1::JobDescription& job) {
  std::vector<std::string> build;
  for (const v1::Process& process : job.processes()) {
    if (build.empty() && !process.build().empty()) build = absl::StrSplit(process.build(), absl::MaxSplits('+', 1));
  }
  build.resize(2);
  std::string isa;
  std::string onednn;
  const std::vector<std::string> kind = absl::StrSplit(job.resolved().device_kind(), ':');
  if (kind.size() > 1) isa = kind[1];
  for (const std::string& part : kind) {
    if (part.starts_with("onednn-")) onednn = part.substr(7);
  }
  return {{"version", build[0]}, {"commit", build[1]}, {"isa", isa}, {"onednn", onednn}};
}

double UnitsPerSecond(const v1::JobDescription& job) {
  if (job.train_seconds() <= 0) return 0;
  const double samples = static_cast<double>(job.summary().step() * job.resolved().job().recipe().batch().samples());
  return samples * static_cast<double>(job.tokens_per_sample()) / job.train_seconds();
}

}  // namespace

std::string JobFolder(const v1::JobDescription& job) {
  return job.checkpoint_directory().empty() ? "" : ParentPath(job.checkpoint_directory());
}

std::string SampleUnit(const v1::Job& job) { return job.recipe().data().has_text() ? "tokens" : "samples"; }

std::string LossUnit(const v1::Job& job) {
  if (!job.recipe().data().has_text()) return "squared error";
  return job.recipe().data().text().tokenizer() == v1::TOKENIZER_UNSPECIFIED ||
                 job.recipe().data().text().tokenizer() == v1::BYTES
             ? "nats/byte"
             : "nats/token";
}

absl::StatusOr<std::string> ResultLine(FileSystem& files, const v1::JobDescription& job) {
  const v1::JobSummary& summary = job.summary();
  CheckpointHashes hashes;
  Json checkpoint = nullptr;
  if (!job.checkpoint_directory().empty() && (IsOver(summary.state()) || summary.state() == v1::PAUSED)) {
    ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(files, job.checkpoint_directory()));
    ASSIGN_OR_RETURN(hashes, ComputeHashes(reader));
    checkpoint = {{"path", job.checkpoint_directory()}, {"step", reader.step()}};
  }
  Json result;
  result["schema"] = "banyan.result/1";
  result["job"] = {{"id", summary.id()},
                   {"name", summary.name()},
                   {"fingerprint", job.resolved().fingerprint()},
                   {"data_hash", job.resolved().data().hash()}};
  result["state"] = v1::JobState_Name(summary.state());
  result["exit_code"] = static_cast<int>(ExitCodeOf(summary.state()));
  result["step"] = summary.step();
  result["state_hash"] = hashes.state;
  result["weights_hash"] = hashes.weights;
  result["train"] = job.has_last_line() ? Loss(job.last_line().loss_sum(), job.last_line().weight()) : Json(nullptr);
  result["held_out"] = nullptr;
  if (job.has_last_evaluation()) {
    result["held_out"] = Loss(job.last_evaluation().loss_sum(), job.last_evaluation().weight());
    result["held_out"]["unit"] = LossUnit(job.resolved().job());
  }
  result["checkpoint"] = checkpoint;
  result["layout"] = LayoutJson(job);
  result["train_seconds"] = job.train_seconds();
  result["tokens_per_second"] = UnitsPerSecond(job);
  result["peak_rss_bytes"] = std::map<std::string, uint64_t>(job.peak_rss_bytes().begin(), job.peak_rss_bytes().end());
  result["counters"] = CountersJson(job);
  result["events"] = EventsJson(job);
  result["build"] = BuildJson(job);
  // Names of processes come over the wire: what is no UTF-8 must not end the program.
  return result.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> MakeResult(FileSystem& files, const v1::JobDescription& job) {
  ASSIGN_OR_RETURN(std::string line, ResultLine(files, job));
  const std::string folder = JobFolder(job);
  if (!folder.empty() && IsOver(job.summary().state())) {
    RETURN_IF_ERROR(WriteFileAtomically(files, JoinPath(folder, "result.json"), line + "\n"));
  }
  return line;
}

}  // namespace banyan::cli
