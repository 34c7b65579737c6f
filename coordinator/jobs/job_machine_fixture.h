#ifndef BANYAN_COORDINATOR_JOBS_JOB_MACHINE_FIXTURE_H_
#define BANYAN_COORDINATOR_JOBS_JOB_MACHINE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/file/file_util.h"
#include "coordinator/jobs/job_fixture.h"
#include "coordinator/jobs/job_machine.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {

// The job of MakeJob with two servers, 1 and 2, and two workers, 11 and 12, as they report.
class JobMachineTest : public testing::Test {
 protected:
  JobMachineTest() { Make(MakeJob()); }

  void Make(const v1::Job& job, std::vector<uint32_t> leaf_plan = {}) {
    effects_ = FakeEffects();
    JobRecord record = {.id = "j1", .number = 1, .job = job};
    record.leaf_plan = std::move(leaf_plan);
    Restart(record, 0);
  }
  void Restart(JobRecord record, Step through) {
    job_ = std::make_unique<JobMachine>(std::move(record), JobMachine::Options{.coordinator_term = ++coordinator_term_,
                                                            .checkpoint_directory = "/jobs/j1"},
                                        through, effects_, now_);
  }

  static Members::Member Process(Role role, uint64_t id, uint64_t incarnation = 1) {
    const std::string name = (role == Role::kServer ? "server-" : "worker-") + std::to_string(id);
    return {.id = id,
            .introduction = {.role = role, .name = name, .incarnation = Incarnation(incarnation),
                             .endpoint = "127.0.0.1:1", .device_kind = kDeviceKind},
            .alive = true};
  }
  void AddServers(uint64_t incarnation = 1) {
    for (const uint64_t id : {1, 2}) job_->AddServer(Process(Role::kServer, id, incarnation), now_);
    job_->Proceed(now_);
  }
  void AddWorkers() {
    for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
    job_->Proceed(now_);
  }

  Term term() const { return job_->record().term; }
  JobState state() const { return job_->record().state; }
  JobOrder Order(Role role, uint64_t id) const { return job_->OrderFor(role, id).value_or(JobOrder()); }

  void Report(uint64_t server, JobReport report) {
    report.term = term();
    report.ready = true;
    job_->OnReport(Role::kServer, server, report, 0, now_);
  }
  void Tell(Step step) {  // every entry of the step, half from each server
    JobReport reports[2];
    for (uint32_t chunk = 0; chunk < job_->plan()->layout.chunk_count() && step <= 6; ++chunk) {
      reports[chunk % 2].entries.push_back(
          {.term = term(), .step = step, .chunk = ChunkId(chunk), .weight = 16, .loss = 1, .fingerprint = 7});
    }
    if (job_->plan()->evaluation->DueIn(step)) {
      reports[1].entries.push_back(
          {.term = term(), .step = step, .chunk = job_->plan()->layout.evaluation_chunk(), .weight = 20, .loss = 2});
    }
    for (JobReport& report : reports) {
      report.open.push_back({.step = step + 1, .missing = LeafSet(8)});
    }
    Report(1, reports[0]);
    Report(2, reports[1]);
  }
  void Write(Step step) {  // the servers' parts of a checkpoint
    for (const uint64_t server : {1, 2}) {
      JobReport report;
      report.parts.push_back({.term = term(), .epoch = job_->record().map.epoch, .step = step});
      Report(server, report);
    }
  }
  void Publish(Step step, const absl::Status& status = absl::OkStatus()) {
    ASSERT_FALSE(effects_.requests.empty());
    EXPECT_EQ(effects_.requests.back().step, step);
    const CheckpointName name = {.term = term(), .step = step};
    job_->OnPublished(term(), step, {.step = step, .directory = JoinPath("/jobs/j1", name.Directory())}, status, now_);
  }
  void Start() {
    AddServers();
    AddWorkers();
    ASSERT_EQ(state(), JobState::kStarting);
    job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
    ASSERT_EQ(term(), 1);
    Report(1, {});
    EXPECT_EQ(state(), JobState::kStarting);
    Report(2, {});
    ASSERT_EQ(state(), JobState::kRunning);
  }
  void Wait(absl::Duration duration, bool busy_elsewhere = false) {
    job_->OnTick(busy_elsewhere, now_);
    now_.monotonic += duration;
    job_->OnTick(busy_elsewhere, now_);
  }

  FakeEffects effects_;
  JobMachine::Now now_ = {.monotonic = absl::ZeroDuration(), .wall = absl::UnixEpoch() + absl::Hours(1)};
  uint64_t coordinator_term_ = 0;
  std::unique_ptr<JobMachine> job_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_JOB_MACHINE_FIXTURE_H_
