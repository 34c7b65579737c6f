#ifndef BANYAN_CLI_CLIENT_FAKE_JOBS_CLIENT_H_
#define BANYAN_CLI_CLIENT_FAKE_JOBS_CLIENT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/client/jobs_client.h"
#include "common/base/status.h"
#include "common/base/sync.h"

namespace banyan::cli {

// What a test's coordinator says and was told. Set up before use; read after.
struct FakeCluster {
  absl::Status failure;                 // of every call, where not OK
  absl::Status submit_failure;          // of Submit alone
  v1::ListResponse list;
  v1::JobDescription description;       // of the one job there is; its id and name, and `@last`, find it
  std::vector<v1::JobUpdate> updates;   // what a stream gives
  bool stream_stays_open = false;       // after these, until it is cancelled
  bool stop_ends_it = false;            // Stop gives the job the state STOPPED and ends open streams
  v1::ClusterResponse cluster;

  std::vector<v1::SubmitRequest> submitted;
  std::vector<v1::StopRequest> stopped;
  std::vector<v1::PauseRequest> paused;
  std::vector<v1::ForkRequest> forked;
  std::vector<v1::ResumeRequest> resumed;
  std::vector<v1::ScaleRequest> scaled;
  std::vector<v1::WatchRequest> watched;

  Mutex mutex;
  CondVar changed;
  bool ended ABSL_GUARDED_BY(mutex) = false;

  void EndStreams() {
    MutexLock lock(mutex);
    ended = true;
    changed.SignalAll();
  }
};

class FakeUpdateStream final : public UpdateStream {
 public:
  explicit FakeUpdateStream(FakeCluster& cluster) : cluster_(cluster) {}

  bool Read(v1::JobUpdate* update) override {
    MutexLock lock(cluster_.mutex);
    if (!cancelled_ && next_ < cluster_.updates.size()) {
      *update = cluster_.updates[next_++];
      return true;
    }
    while (cluster_.stream_stays_open && !cancelled_ && !cluster_.ended) cluster_.changed.Wait(cluster_.mutex);
    return false;
  }
  void Cancel() override {
    MutexLock lock(cluster_.mutex);
    cancelled_ = true;
    cluster_.changed.SignalAll();
  }
  absl::Status Finish() override { return cluster_.failure; }

 private:
  FakeCluster& cluster_;
  size_t next_ = 0;
  bool cancelled_ = false;
};

class FakeJobsClient final : public JobsClient {
 public:
  explicit FakeJobsClient(FakeCluster& cluster) : cluster_(cluster) {}

  absl::StatusOr<std::string> Submit(const v1::SubmitRequest& request) override {
    cluster_.submitted.push_back(request);
    RETURN_IF_ERROR(cluster_.failure);
    RETURN_IF_ERROR(cluster_.submit_failure);
    return cluster_.description.summary().id();
  }
  absl::StatusOr<v1::ListResponse> List() override {
    RETURN_IF_ERROR(cluster_.failure);
    return cluster_.list;
  }
  absl::StatusOr<v1::JobDescription> Describe(const std::string& job) override {
    RETURN_IF_ERROR(Find(job));
    MutexLock lock(cluster_.mutex);
    return cluster_.description;
  }
  std::unique_ptr<UpdateStream> Watch(const v1::WatchRequest& request) override {
    cluster_.watched.push_back(request);
    return std::make_unique<FakeUpdateStream>(cluster_);
  }
  absl::Status Stop(const v1::StopRequest& request) override {
    cluster_.stopped.push_back(request);
    RETURN_IF_ERROR(Find(request.job()));
    if (cluster_.stop_ends_it) {
      {
        MutexLock lock(cluster_.mutex);
        cluster_.description.mutable_summary()->set_state(v1::STOPPED);
      }
      cluster_.EndStreams();
    }
    return absl::OkStatus();
  }
  absl::Status Pause(const v1::PauseRequest& request) override {
    cluster_.paused.push_back(request);
    RETURN_IF_ERROR(Find(request.job()));
    {
      MutexLock lock(cluster_.mutex);
      cluster_.description.mutable_summary()->set_state(v1::PAUSED);
    }
    cluster_.EndStreams();
    return absl::OkStatus();
  }
  absl::Status Scale(const v1::ScaleRequest& request) override {
    cluster_.scaled.push_back(request);
    RETURN_IF_ERROR(Find(request.job()));
    MutexLock lock(cluster_.mutex);
    v1::Run& run = *cluster_.description.mutable_resolved()->mutable_job()->mutable_run();
    if (request.min() != 0) run.mutable_workers()->set_min(request.min());
    if (request.max() != 0) run.mutable_workers()->set_max(request.max());
    if (request.servers() != 0) run.mutable_servers()->set_count(request.servers());
    return absl::OkStatus();
  }
  absl::Status Resume(const v1::ResumeRequest& request) override {
    cluster_.resumed.push_back(request);
    return Find(request.job());
  }
  absl::StatusOr<v1::ForkResponse> Fork(const v1::ForkRequest& request) override {
    cluster_.forked.push_back(request);
    RETURN_IF_ERROR(Find(request.job()));
    v1::ForkResponse response;
    response.set_id("j2");
    response.set_replayed_from(10);
    return response;
  }
  absl::StatusOr<v1::ClusterResponse> Cluster() override {
    RETURN_IF_ERROR(cluster_.failure);
    return cluster_.cluster;
  }

 private:
  absl::Status Find(const std::string& job) const {
    RETURN_IF_ERROR(cluster_.failure);
    const v1::JobSummary& summary = cluster_.description.summary();
    if (job == summary.id() || job == summary.name() || job == "@last") return absl::OkStatus();
    return absl::NotFoundError("no job '" + job + "'");
  }

  FakeCluster& cluster_;
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLIENT_FAKE_JOBS_CLIENT_H_
