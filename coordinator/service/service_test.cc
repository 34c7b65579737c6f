// The coordinator over loopback gRPC, with servers and workers that only talk.

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/file/posix_file_system.h"
#include "common/job/checkpoint_tensors.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "common/rpc/session_client.h"
#include "common/rpc/session_codec.h"
#include "common/checkpoint/writer.h"
#include "common/optimizer/factory.h"
#include "coordinator/jobs/job_fixture.h"
#include "coordinator/service/jobs_service.h"
#include "coordinator/service/session_service.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

constexpr char kToken[] = "0123";

// Does what it is told, in words: restores at once, has every entry at once, writes zeros.
class FakeProcess {
 public:
  FakeProcess(Role role, const std::string& name, const std::string& endpoint, FileSystem& files) : files_(files) {
    process_.set_role(role == Role::kServer ? v1::SERVER : v1::WORKER);
    process_.set_name(name);
    process_.set_incarnation(std::hash<std::string>()(name) | 1);
    if (role == Role::kServer) process_.set_endpoint("127.0.0.1:1");
    if (role == Role::kWorker) process_.set_device_kind(kDeviceKind);
    session_ = std::make_unique<SessionClient>(
        SessionClient::Options{.coordinator = endpoint, .token = kToken, .report_interval = absl::Milliseconds(20)},
        SessionClient::Handlers{.make_report = [this](bool first) { return MakeReport(first); },
                                .on_command =
                                    [this](const v1::Command& command) {
                                      std::lock_guard lock(mutex_);
                                      command_ = command;
                                    },
                                .on_lost = [](const absl::Status&) {}});
  }

  v1::Command command() {
    std::lock_guard lock(mutex_);
    return command_;
  }

 private:
  v1::Report MakeReport(bool /*first*/) {
    std::lock_guard lock(mutex_);
    v1::Report report;
    *report.mutable_process() = process_;
    (*report.mutable_metrics())["peak_rss_bytes"] = 1 << 20;
    v1::LogLine& log = *report.add_logs();
    log.set_severity("info");
    log.set_process(process_.name());
    log.set_text("still here");
    for (const v1::JobCommand& job : command_.jobs()) {
      JobReport one = process_.role() == v1::SERVER ? Serve(job) : Work(job);
      one.term = job.term();
      *report.add_jobs() = EncodeJobReport(job.job().id(), one);
    }
    return report;
  }

  static JobReport Work(const v1::JobCommand& job) {
    JobReport report;
    if (job.index_data()) report.data = kData;
    report.counters["leaves_computed"] = 24;
    return report;
  }

  JobReport Serve(const v1::JobCommand& job) {
    const JobOrder order = DecodeJobOrder(job, 1).value();
    const v1::Job described = job.job().job();
    const JobPlan plan = JobPlan::Make(described, DecodeDataFacts(job.job().data()), kDeviceKind).value();
    JobReport report = {.ready = true};
    if (!order.assignment.has_value()) return report;
    for (uint32_t chunk = 0; chunk <= plan.layout.chunk_count(); ++chunk) {
      for (Step step = order.ledger_through + 1; step <= plan.last_protocol_step(); ++step) {
        const bool evaluation = chunk == plan.layout.chunk_count();
        if (evaluation ? !plan.evaluation->DueIn(step) : step > plan.last_step) continue;
        report.entries.push_back({.term = order.term, .step = step, .chunk = ChunkId(chunk), .weight = 16, .loss = 4});
      }
    }
    if (written_.empty()) {
      for (const Step step : {0, 3, 6}) written_.push_back(WritePart(order, plan, described, step));
    }
    report.parts = written_;
    return report;
  }

  CheckpointPart WritePart(const JobOrder& order, const JobPlan& plan, const v1::Job& job, Step step) {
    const OptimizerPlan optimizer = MakeOptimizer(job.recipe().optimizer()).value();
    const CheckpointLayout layout =
        CheckpointLayout::Create(CheckpointTensorsOf(plan, optimizer.rule->SlotNames())).value();
    const CheckpointName name = {.term = order.term, .step = step};
    auto writer = CheckpointWriter::Open(files_, layout, order.checkpoint_directory, name).value();
    for (const auto& [tensor, place] : layout.places()) {
      if (tensor == CheckpointLayout::kStepName) continue;
      const std::vector<std::byte> zeros(static_cast<size_t>(place.elements) * SizeOf(place.dtype));
      EXPECT_TRUE(writer->Write(tensor, 0, Payload::Copy(zeros)).ok());
    }
    CheckpointPart part = {.term = order.term, .epoch = order.map->epoch, .step = step};
    const std::vector<PartRange> ranges = writer->Finish().value();
    for (const PartRange& range : ranges) {
      part.ranges.push_back(
          {.file = range.file, .offset = range.offset, .size = range.size, .checksum = range.checksum});
    }
    return part;
  }

  FileSystem& files_;
  v1::Process process_;
  std::mutex mutex_;
  v1::Command command_;
  std::vector<CheckpointPart> written_;
  std::unique_ptr<SessionClient> session_;
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/banyan_coordinator_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    Start();
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(directory_);
  }

  void Start() {
    core_ = Core::Open({.state_dir = directory_, .files = &files_, .clock = &clock_, .tick = absl::Milliseconds(10),
                        .on_failure = [](const absl::Status&) {}})
                .value();
    sessions_ = std::make_unique<SessionService>(*core_);
    jobs_ = std::make_unique<JobsService>(*core_, files_, "1+test");
    const RpcServer::Options options = {
        .listen = "127.0.0.1:0", .token = kToken, .services = {sessions_.get(), jobs_.get()}};
    rpc_ = RpcServer::Start(options).value();
    stub_ = v1::Jobs::NewStub(Connect(rpc_->endpoint()));
  }
  void Stop() {
    core_->Stop();
    rpc_->Shutdown(absl::Milliseconds(100));
    rpc_.reset();
    core_.reset();
  }

  std::string Submit(const std::string& key = "") {
    v1::SubmitRequest request;
    *request.mutable_job() = MakeJob("servers { count: 1 } workers { min: 2 }");
    request.set_idempotency_key(key);
    v1::SubmitResponse response;
    const grpc::Status status = stub_->Submit(MakeContext(kToken).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.id();
  }

  v1::JobDescription Describe(const std::string& job) {
    v1::DescribeRequest request;
    request.set_job(job);
    v1::JobDescription response;
    const grpc::Status status = stub_->Describe(MakeContext(kToken).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::vector<v1::JobUpdate> Watch(const std::string& job, bool once) {
    v1::WatchRequest request;
    request.set_job(job);
    request.set_with_lines(true);
    request.set_with_logs(true);
    request.set_once(once);
    auto context = MakeContext(kToken);
    context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    auto reader = stub_->Watch(context.get(), request);
    std::vector<v1::JobUpdate> updates;
    v1::JobUpdate update;
    while (reader->Read(&update)) updates.push_back(update);
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return updates;
  }

  std::unique_ptr<FakeProcess> Process(Role role, const std::string& name) {
    return std::make_unique<FakeProcess>(role, name, rpc_->endpoint(), files_);
  }

  PosixFileSystem files_;
  SystemClock clock_;
  std::string directory_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<SessionService> sessions_;
  std::unique_ptr<JobsService> jobs_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<v1::Jobs::Stub> stub_;
};

TEST_F(ServiceTest, AJobRunsToItsEnd) {
  const auto server = Process(Role::kServer, "server-0");
  const auto worker0 = Process(Role::kWorker, "worker-0");
  const auto worker1 = Process(Role::kWorker, "worker-1");
  const std::string id = Submit("key");
  EXPECT_EQ(Submit("key"), id);
  const std::vector<v1::JobUpdate> updates = Watch("@last", /*once=*/false);

  std::vector<uint64_t> steps;
  int evaluations = 0;
  int logs = 0;
  for (const v1::JobUpdate& update : updates) {
    if (update.has_line()) steps.push_back(update.line().step());
    evaluations += update.has_evaluation() ? 1 : 0;
    logs += update.has_log() ? 1 : 0;
  }
  EXPECT_THAT(steps, testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(evaluations, 2);
  EXPECT_GT(logs, 0);
  ASSERT_TRUE(updates.back().has_summary()) << "all that led to the end comes before it";
  EXPECT_EQ(updates.back().summary().state(), v1::SUCCEEDED) << updates.back().summary().reason();

  const v1::JobDescription job = Describe("toy");
  EXPECT_EQ(job.summary().id(), id);
  EXPECT_EQ(job.summary().step(), 6);
  EXPECT_EQ(job.checkpoint_directory(), directory_ + "/jobs/" + id + "/step-000000000006-term-1");
  EXPECT_TRUE(std::filesystem::exists(job.checkpoint_directory() + "/manifest.json"));
  EXPECT_THAT(std::vector<uint64_t>(job.checkpoints().begin(), job.checkpoints().end()), testing::ElementsAre(0, 3, 6));
  EXPECT_EQ(job.processes_size(), 3);
  EXPECT_EQ(job.assignment().shares_size(), 2);
  EXPECT_EQ(job.counters().at("leaves_computed"), 48);
  EXPECT_EQ(job.peak_rss_bytes().at("worker-1"), 1 << 20);
  EXPECT_EQ(job.last_evaluation().step(), 6);
  EXPECT_EQ(job.last_line().learning_rate(), 0.0);
  EXPECT_EQ(job.resolved().data().hash(), kData.hash);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/jobs/" + id + "/log"));
}

TEST_F(ServiceTest, WhatWasWrittenOutlivesTheCoordinator) {
  {
    const auto server = Process(Role::kServer, "server-0");
    const auto worker0 = Process(Role::kWorker, "worker-0");
    const auto worker1 = Process(Role::kWorker, "worker-1");
    Submit();
    Watch("toy", false);
  }
  const uint64_t term = core_->coordinator_term();
  Stop();
  Start();
  EXPECT_GT(core_->coordinator_term(), term);
  const v1::JobDescription job = Describe("j1");
  EXPECT_EQ(job.summary().state(), v1::SUCCEEDED);
  EXPECT_EQ(job.processes_size(), 3);
  EXPECT_EQ(Watch("j1", true).back().summary().step(), 6);
}

TEST_F(ServiceTest, ASecondCoordinatorIsRefused) {
  const auto second = Core::Open({.state_dir = directory_, .files = &files_, .clock = &clock_,
                                  .on_failure = [](const absl::Status&) {}});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable) << second.status();
}

TEST_F(ServiceTest, TheEndOfAStreamIsTheProcesssDeath) {
  auto worker = Process(Role::kWorker, "worker-0");
  const auto alive = [&] {
    v1::ClusterResponse response;
    EXPECT_TRUE(stub_->Cluster(MakeContext(kToken).get(), {}, &response).ok());
    return response.members_size() == 1 && response.members(0).alive();
  };
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (!alive() && absl::Now() < deadline) core_->WaitForNews(~uint64_t{0} - 1, absl::ZeroDuration());
  worker.reset();
  const absl::Time gone = absl::Now() + absl::Seconds(10);
  while (alive() && absl::Now() < gone) core_->WaitForNews(~uint64_t{0} - 1, absl::ZeroDuration());
  EXPECT_LT(absl::Now(), deadline);
}

TEST_F(ServiceTest, RefusesWhatCannotRun) {
  v1::SubmitRequest request;
  request.mutable_job()->set_version(1);
  v1::SubmitResponse response;
  const grpc::Status status = stub_->Submit(MakeContext(kToken).get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("recipe"));
}

TEST_F(ServiceTest, NamesTheLastJobWhereOneIsNotKnown) {
  v1::DescribeRequest request;
  request.set_job("other");
  v1::JobDescription response;
  Submit();
  const grpc::Status status = stub_->Describe(MakeContext(kToken).get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("'j1' (toy)"));
}

}  // namespace
}  // namespace banyan::coordinator
