#include "coordinator/service/session_service.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/logging/logging.h"
#include "common/rpc/session_codec.h"
#include "common/rpc/status.h"
#include "coordinator/store/record_codec.h"

namespace banyan::coordinator {
namespace {

constexpr char kPeakRss[] = "peak_rss_bytes";

void KeepLogs(const v1::Report& report, uint64_t id, Core::State& state) {
  const Role role = report.process().role() == v1::SERVER ? Role::kServer : Role::kWorker;
  const std::vector<std::string> jobs = state.cluster.JobsOf(role, id);
  for (const v1::LogLine& line : report.logs()) {
    if (!line.job().empty()) {
      if (state.cluster.Job(line.job()) != nullptr) state.logs.Add(line.job(), line);
      continue;
    }
    // What a process says of no job in particular is for all whom it serves.
    for (const std::string& job : jobs) state.logs.Add(job, line);
  }
}

}  // namespace

absl::StatusOr<Cluster::Heard> DecodeReport(const v1::Report& report, const Cluster& cluster) {
  Cluster::Heard heard = {.draining = report.draining()};
  ASSIGN_OR_RETURN(heard.introduction, DecodeIntroduction(report.process()));
  const auto rss = report.metrics().find(kPeakRss);
  if (rss != report.metrics().end() && rss->second > 0) heard.rss_bytes = static_cast<uint64_t>(rss->second);
  for (const v1::JobReport& message : report.jobs()) {
    const JobMachine* job = cluster.Job(message.job());
    if (job == nullptr) continue;
    const uint32_t leaves = job->plan() == nullptr ? 0 : job->plan()->leaves;
    absl::StatusOr<JobReport> one = DecodeJobReport(message, leaves);
    if (!one.ok()) return Annotate(one.status(), absl::StrCat("report on job ", message.job()));
    heard.jobs.emplace_back(message.job(), *std::move(one));
  }
  return heard;
}

absl::Status SessionService::TakeReport(const v1::Report& report, Peer& peer) {
  return core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const Cluster::Heard heard, DecodeReport(report, state.cluster));
    ASSIGN_OR_RETURN(const uint64_t id, state.decider.OnReport(peer.session, heard, state.now));
    const Introduction& process = heard.introduction;
    if (peer.name.empty()) {
      peer.name = process.name;
      core_.Attach(peer.session, peer.outbox);
      log::Info("{} is here: {} threads, {}", process.name, process.threads,
                process.endpoint.empty() ? "serves nobody" : process.endpoint);
    }
    KeepLogs(report, id, state);
    return absl::OkStatus();
  }, Core::IfFull::kWait);
}

grpc::Status SessionService::Session(grpc::ServerContext* context,
                                     grpc::ServerReaderWriter<v1::Command, v1::Report>* stream) {
  Peer peer = {.session = core_.NextSession(), .outbox = std::make_shared<Outbox>()};
  absl::Status status;
  std::atomic<bool> read_all = false;
  {
    std::jthread writer([&] {
      while (const std::optional<v1::Command> command = peer.outbox->Take()) {
        if (!stream->Write(*command)) break;
      }
      // Closed by the core: another stream has taken this one's place, or the coordinator stops. Else who is refused is
      // to hear why.
      if (!read_all) context->TryCancel();
    });
    v1::Report report;
    while (status.ok() && stream->Read(&report)) status = TakeReport(report, peer);
    read_all = true;
    peer.outbox->Close();
  }
  if (peer.name.empty()) return ToGrpc(status);
  core_.Detach(peer.session);
  core_
      .Call([&](Core::State& state) {
        if (state.decider.OnSessionEnded(peer.session, state.now)) log::Info("{} is gone", peer.name);
        return absl::OkStatus();
      }, Core::IfFull::kWait)
      .IgnoreError();  // only when the coordinator stops
  if (!status.ok()) log::Warning("{}: {}", peer.name, std::string(status.message()));
  return ToGrpc(status);
}

}  // namespace banyan::coordinator
