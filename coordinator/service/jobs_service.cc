#include "coordinator/service/jobs_service.h"

#include <set>
#include <vector>

#include "common/base/status.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/file/file_util.h"
#include "common/logging/logging.h"
#include "common/rpc/status.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/service/describe.h"
#include "coordinator/service/restore_points.h"
#include "coordinator/service/watcher.h"

namespace banyan::coordinator {
namespace {

// How soon a watcher notices that its client has left, and a log line is passed on.
constexpr absl::Duration kWatchTick = absl::Milliseconds(50);

}  // namespace

grpc::Status JobsService::Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                                 v1::SubmitResponse* response) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    std::vector<uint32_t> leaf_plan(request->leaf_plan().begin(), request->leaf_plan().end());
    ASSIGN_OR_RETURN(const std::string id, state.cluster.Submit(request->job(), std::move(leaf_plan),
                                                                request->idempotency_key(), state.now));
    response->set_id(id);
    log::Info("job {} ({}) submitted", id, request->job().name());
    MakeFolder(id);
    return absl::OkStatus();
  }));
}

// The job is there already: a disk that fails now is told by its first checkpoint, which makes the folder too.
void JobsService::MakeFolder(const std::string& job) {
  const absl::Status status = CreateDirectories(files_, JoinPath(core_.jobs_directory(), job));
  if (!status.ok()) log::Warning("job {}: {}", job, std::string(status.message()));
}

grpc::Status JobsService::List(grpc::ServerContext*, const v1::ListRequest*, v1::ListResponse* response) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    const std::vector<const JobMachine*> jobs = state.cluster.Jobs();
    for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) *response->add_jobs() = Summarize(**job);
    return absl::OkStatus();
  }));
}

grpc::Status JobsService::Describe(grpc::ServerContext*, const v1::DescribeRequest* request,
                                   v1::JobDescription* response) {
  const absl::Status status = core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(request->job()));
    ASSIGN_OR_RETURN(*response, coordinator::Describe(*job, state.store, state.now));
    return absl::OkStatus();
  });
  if (!status.ok()) return ToGrpc(status);
  // Not on the deciding thread: the disk may be slow.
  const auto names = files_.List(JoinPath(core_.jobs_directory(), response->summary().id()));
  std::set<CheckpointName> checkpoints;
  if (names.ok()) {
    for (const std::string& name : *names) {
      if (const auto checkpoint = CheckpointName::Parse(name)) checkpoints.insert(*checkpoint);
    }
  }
  for (const CheckpointName& checkpoint : checkpoints) response->add_checkpoints(checkpoint.step);
  return grpc::Status::OK;
}

grpc::Status JobsService::Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                                grpc::ServerWriter<v1::JobUpdate>* writer) {
  Watcher watcher(*request);
  uint64_t seen = 0;
  while (!context->IsCancelled()) {
    std::vector<v1::JobUpdate> updates;
    const absl::Status status = core_.Call([&](Core::State& state) { return watcher.Read(state, &updates); });
    if (!status.ok()) return ToGrpc(status);
    for (const v1::JobUpdate& update : updates) {
      if (!writer->Write(update)) return grpc::Status::OK;
    }
    if (watcher.more()) continue;
    if (watcher.over() || request->once()) return grpc::Status::OK;
    seen = core_.WaitForNews(seen, kWatchTick);
  }
  return grpc::Status::OK;
}

grpc::Status JobsService::Stop(grpc::ServerContext*, const v1::StopRequest* request, v1::StopResponse*) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(request->job()));
    return state.cluster.Stop(job->record().id, request->now(), state.now);
  }));
}

grpc::Status JobsService::Pause(grpc::ServerContext*, const v1::PauseRequest* request, v1::PauseResponse*) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(request->job()));
    return state.cluster.Pause(job->record().id, state.now);
  }));
}

grpc::Status JobsService::Resume(grpc::ServerContext*, const v1::ResumeRequest* request, v1::ResumeResponse*) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(request->job()));
    return state.cluster.Resume(job->record().id, request->has_run() ? &request->run() : nullptr,
                                {request->leaf_plan().begin(), request->leaf_plan().end()}, state.now);
  }));
}

grpc::Status JobsService::Scale(grpc::ServerContext*, const v1::ScaleRequest* request, v1::ScaleResponse*) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(request->job()));
    const std::string id = job->record().id;
    if (request->min() != 0 || request->max() != 0) {
      RETURN_IF_ERROR(state.cluster.ScaleWorkers(id, request->min(), request->max(), state.now));
    }
    if (request->servers() != 0) RETURN_IF_ERROR(state.cluster.ScaleServers(id, request->servers(), state.now));
    return absl::OkStatus();
  }));
}

grpc::Status JobsService::Fork(grpc::ServerContext*, const v1::ForkRequest* request, v1::ForkResponse* response) {
  return ToGrpc(ForkJob(*request, response));
}

absl::Status JobsService::ForkJob(const v1::ForkRequest& request, v1::ForkResponse* response) {
  std::string parent;
  Step least = 0;
  RETURN_IF_ERROR(core_.Call([&](Core::State& state) {
    ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(request.job()));
    parent = job->record().id;
    least = job->record().fork.has_value() ? job->record().fork->step : 0;
    return CheckForkStep(job->record(), job->step(), request.step());
  }));
  // Not on the deciding thread: the disk may be slow. Should it be deleted meanwhile, servers find no checkpoint there,
  // and the one before is taken.
  ASSIGN_OR_RETURN(const RestorePoint source, NearestCheckpoint(files_, JoinPath(core_.jobs_directory(), parent), least,
                                                                request.step()));
  return core_.Call([&](Core::State& state) {
    ForkRequest fork = {.step = request.step(),
                        .job = request.fork(),
                        .leaf_plan = {request.leaf_plan().begin(), request.leaf_plan().end()},
                        .source = source};
    ASSIGN_OR_RETURN(const std::string id,
                     state.cluster.Fork(parent, std::move(fork), request.idempotency_key(), state.now));
    response->set_id(id);
    response->set_replayed_from(source.step);
    log::Info("job {} ({}) forked from job {} at step {}", id, request.fork().name(), parent, request.step());
    MakeFolder(id);
    return absl::OkStatus();
  });
}

grpc::Status JobsService::Cluster(grpc::ServerContext*, const v1::ClusterRequest*, v1::ClusterResponse* response) {
  return ToGrpc(core_.Call([&](Core::State& state) {
    *response = DescribeCluster(state.cluster, state.now);
    response->set_version(version_);
    return absl::OkStatus();
  }));
}

}  // namespace banyan::coordinator
