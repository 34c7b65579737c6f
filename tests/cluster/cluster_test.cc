// Real servers and workers in one process over loopback gRPC; the test is their coordinator.

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/config/defaults.h"
#include "common/config/job_file.h"
#include "common/file/posix_file_system.h"
#include "common/file/roots.h"
#include "common/job/job_plan.h"
#include "common/rpc/connector.h"
#include "common/rpc/server.h"
#include "common/rpc/session_codec.h"
#include "coordinator/shares/audits.h"
#include "gtest/gtest.h"
#include "server/service/parameter_service.h"
#include "server/service/server_agent.h"
#include "tests/support/permuting_proxy.h"
#include "worker/data/open_dataset.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/service/job_runner.h"

namespace banyan {
namespace {

constexpr char kToken[] = "0123";

constexpr char kLinear[] = R"(
version: 1
name: line
recipe:
  seed: 7
  model: {linear: {outputs: 3}}
  data: {synthetic_regression: {features: 1500, targets: 3, samples: 200, held_out: 0.1}}
  batch: {samples: 20, leaf: 4}
  until: {steps: 12}
  optimizer: {sgd: {learning_rate: 0.0005}}
run:
  servers: {chunk_bytes: 16384}
  evaluate: {every: 5 steps}
)";

constexpr char kGpt[] = R"(
version: 1
name: gpt
recipe:
  seed: 7
  model: {gpt: {layers: 2, heads: 2, width: 32, context: 16, dropout: 0.1}}
  data: {text: {path: "data:text.txt", held_out: 0.2}}
  batch: {samples: 14, leaf: 2, micro: 1}
  until: {steps: 8}
  optimizer: {adamw: {learning_rate: 3e-3}, clip_norm: 1.0}
run:
  servers: {chunk_bytes: 16384}
  evaluate: {every: 4 steps, samples: 10, at_end: all}
)";

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

struct TestServer {
  TestServer(uint32_t index, FileSystem& files, const Roots& roots)
      : service([this](const std::string& job) { return agent == nullptr ? nullptr : agent->Find(job); }) {
    rpc = *RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {&service}});
    v1::Process process;
    process.set_incarnation(50 + index);
    agent = std::make_unique<server::ServerAgent>(server::ServerAgent::Options{.process = process,
                                                                               .token = kToken,
                                                                               .executors = 2,
                                                                               .files = &files,
                                                                               .roots = &roots,
                                                                               .level = DetectCpuLevel()});
  }
  ~TestServer() {
    agent->StopJobs();
    rpc->Shutdown(absl::Milliseconds(50));
  }

  server::ParameterService service;
  std::unique_ptr<RpcServer> rpc;
  std::unique_ptr<server::ServerAgent> agent;
};

class ClusterTest : public ::testing::Test {
 protected:
  using Shares = std::vector<std::vector<Node>>;  // by worker
  using Entries = std::map<std::pair<Step, ChunkId>, std::pair<uint64_t, double>>;  // fingerprint, loss

  static void SetUpTestSuite() { device_ = worker::CpuDevice::Create().value().release(); }

  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/banyan_cluster_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    std::ofstream text(directory_ + "/text.txt");
    for (int i = 0; i < 200; ++i) text << "line " << i * i << " of the text\n";
    text.close();
    roots_ = *Roots::Parse(files_, {"data=" + directory_});
    factory_ = std::make_unique<worker::CpuOperatorFactory>(device_->level());
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(directory_);
  }

  void Start(const std::string& file, uint32_t servers) {
    Stop();
    const config::ReadJobResult read = config::ReadJob("job.yaml", file);
    ASSERT_TRUE(read.ok());
    job_.Clear();
    job_.set_id("j1");
    *job_.mutable_job() = config::WithDefaults(read.job);
    const auto data = worker::OpenDataset(
        job_.job().recipe(), {.files = files_, .roots = *roots_, .index_directory = directory_ + "/index"});
    ASSERT_TRUE(data.ok()) << data.status();
    *job_.mutable_data() = EncodeDataFacts((*data)->facts());
    job_.set_device_kind(device_->kind());
    plan_ = std::make_unique<JobPlan>(*JobPlan::Make(job_.job(), (*data)->facts(), device_->kind()));
    for (uint32_t i = 0; i < servers; ++i) servers_.push_back(std::make_unique<TestServer>(i, files_, *roots_));
    order_ = {.coordinator_term = 1, .term = 1, .restore = RestorePoint(), .state = JobState::kRunning};
    order_.checkpoint_directory = directory_ + "/j1";
    order_.map = ChunkMap{.epoch = 1};
    for (uint32_t i = 0; i < servers; ++i) {
      order_.map->servers.push_back({.id = ServerId(10 + i),
                                     .incarnation = Incarnation(50 + i),
                                     .endpoint = EndpointOf(i),
                                     .shards = 2});
    }
    for (uint32_t chunk = 0; chunk <= plan_->layout.chunk_count(); ++chunk) {
      order_.map->owners.push_back({.primary = (chunk / 2 + 1) % servers});
    }
  }

  std::string EndpointOf(uint32_t server) {
    const std::string& endpoint = servers_[server]->rpc->endpoint();
    if (!permute_) return endpoint;
    proxies_.push_back(std::make_unique<testing::PermutingProxy>(endpoint, *permute_ * 1000 + server));
    return proxies_.back()->endpoint();
  }

  void Stop() {
    workers_.clear();
    proxies_.clear();
    servers_.clear();
    entries_.clear();
    reports_.clear();
    audits_ = {};
    difference_.reset();
  }

  void AddWorker(uint32_t threads) { AddWorker(threads, factory_.get()); }
  void AddWorker(uint32_t threads, worker::OperatorFactory* factory) {
    const uint64_t id = 1 + workers_.size();
    workers_.push_back(std::make_unique<worker::JobRunner>(
        worker::JobRunner::Options{.worker = WorkerId(id),
                                   .incarnation = Incarnation(100 + id),
                                   .index_directory = directory_ + "/index",
                                   .threads = threads,
                                   .level = device_->level(),
                                   .on_news = [] {},
                                   .on_over = [] {}},
        worker::JobRunner::Needs{
            .device = device_, .factory = factory, .connector = &connector_, .files = &files_, .roots = &*roots_,
            .clock = &clock_},
        job_));
  }

  void Assign(const Shares& shares, Step from_step) {
    Assignment assignment{.version = ++version_, .from_step = from_step, .max_pending = 4};
    for (size_t i = 0; i < shares.size(); ++i) assignment.shares.push_back({WorkerId(1 + i), shares[i]});
    order_.assignment = assignment;
    v1::JobCommand command = EncodeJobOrder(order_);
    *command.mutable_job() = job_;
    for (size_t i = 0; i < servers_.size(); ++i) {
      v1::Command whole;
      whole.set_coordinator_term(1);
      whole.set_id(10 + i);
      *whole.add_jobs() = command;
      servers_[i]->agent->OnCommand(whole);
    }
    for (const auto& worker : workers_) {
      if (worker != nullptr) worker->OnCommand(command, 1);
    }
  }

  // Listens to everybody until `over` says so.
  template <typename Condition>
  void Listen(const Condition& over) {
    const absl::Time deadline = absl::Now() + absl::Seconds(40);
    while (!over()) {
      ASSERT_LT(absl::Now(), deadline) << Describe();
      for (const auto& one : servers_) {
        one->agent->OnTick(absl::Now());
        const v1::Report whole = one->agent->MakeReport(false);
        for (const v1::JobReport& message : whole.jobs()) {
          const JobReport report = *DecodeJobReport(message, plan_->leaves);
          ASSERT_EQ(report.failure, "");
          for (const Entry& entry : report.entries) {
            entries_[{entry.step, entry.chunk}] = {entry.fingerprint, entry.loss};
          }
        }
      }
      for (size_t i = 0; i < workers_.size(); ++i) {
        if (workers_[i] == nullptr) continue;
        reports_[i] = workers_[i]->Report(/*first=*/false);
        for (const LeafAudit& audit : reports_[i].audits) {
          const auto difference = audits_.Take("worker " + std::to_string(i), audit);
          if (difference.has_value() && !difference_.has_value()) difference_ = difference;
        }
      }
      MutexLock lock(mutex_);
      nobody_.WaitFor(mutex_, absl::Milliseconds(2));
    }
  }

  std::string Describe() {
    std::string text;
    for (const auto& [worker, report] : reports_) {
      text += "worker " + std::to_string(worker) + " " + report.failure + (report.ready ? " ready\n" : " not ready\n");
      for (const Wait& wait : report.waits) text += "  " + wait.what + ": " + wait.detail + "\n";
      for (const auto& [name, value] : report.counters) text += "  " + name + " " + std::to_string(value) + "\n";
    }
    return text;
  }

  bool StepDone(Step step) const {
    for (uint32_t chunk = 0; chunk < plan_->layout.chunk_count(); ++chunk) {
      if (!entries_.contains({step, ChunkId(chunk)})) return false;
    }
    return true;
  }

  bool AllDone() const {
    return StepDone(plan_->last_step) && entries_.contains({plan_->last_step + 1, plan_->layout.evaluation_chunk()});
  }

  // The whole job on workers with these shares, `threads` leaves side by side on each.
  Entries RunAll(const std::string& file, uint32_t servers, uint32_t threads, const Shares& shares) {
    Start(file, servers);
    for (size_t i = 0; i < shares.size(); ++i) AddWorker(threads);
    Assign(shares, 1);
    Listen([&] { return AllDone(); });
    return entries_;
  }

  double LossAt(Step step) { return entries_[{step, plan_->layout.ledger_chunk()}].second; }

  static inline worker::CpuDevice* device_ = nullptr;  // one a process
  PosixFileSystem files_;
  SystemClock clock_;
  Connector connector_{kToken};
  std::string directory_;
  std::optional<Roots> roots_;
  std::unique_ptr<worker::CpuOperatorFactory> factory_;
  v1::ResolvedJob job_;
  std::unique_ptr<JobPlan> plan_;
  JobOrder order_;
  uint64_t version_ = 0;
  std::vector<std::unique_ptr<TestServer>> servers_;
  // A seed: what is sent to servers, and by them, arrives in an order drawn from it.
  std::optional<uint64_t> permute_;
  std::vector<std::unique_ptr<testing::PermutingProxy>> proxies_;
  std::vector<std::unique_ptr<worker::JobRunner>> workers_;
  Entries entries_;
  std::map<size_t, JobReport> reports_;
  coordinator::Audits audits_;
  std::optional<coordinator::Audits::Difference> difference_;
  Mutex mutex_;
  CondVar nobody_;
};

TEST_F(ClusterTest, LinearRegressionLearns) {
  RunAll(Replace(Replace(kLinear, "features: 1500", "features: 8"), "0.0005", "0.1"), 1, 1, {{{3, 0}}});

  EXPECT_LT(LossAt(12), 0.5 * LossAt(1));
  const ChunkId e = plan_->layout.evaluation_chunk();
  EXPECT_EQ(entries_.count({6, e}), 1u);
  EXPECT_LT((entries_[{13, e}].second), (entries_[{6, e}].second));
  Listen([&] { return reports_[0].counters["evaluation_leaves_computed"] == 3 * 5; });
  EXPECT_EQ(reports_[0].counters["leaves_computed"], 12 * 5);
  EXPECT_EQ(reports_[0].counters["leaves_recomputed"], 0);
  EXPECT_GT(reports_[0].seconds_per_leaf, 0);
}

TEST_F(ClusterTest, EveryLayoutGivesTheSameBits) {
  const Entries one = RunAll(kLinear, 1, 1, {{{3, 0}}});
  EXPECT_EQ(RunAll(kLinear, 2, 2, {{{0, 1}, {2, 1}}, {{1, 1}}, {{0, 0}}}), one);
}

TEST_F(ClusterTest, EveryLayoutTrainsTheSameTransformer) {
  const Entries one = RunAll(kGpt, 1, 1, {{{3, 0}}});
  EXPECT_LT(LossAt(8), 0.9 * LossAt(1));
  EXPECT_EQ(RunAll(kGpt, 2, 2, {{{2, 0}}, {{2, 1}}}), one);
  EXPECT_EQ(RunAll(kGpt, 3, 1, {{{1, 2}, {0, 0}}, {{0, 1}, {1, 3}}, {{1, 1}}}), one);
}

TEST_F(ClusterTest, TheOrderOfArrivalDoesNotMatter) {
  const Entries one = RunAll(kGpt, 1, 1, {{{3, 0}}});
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    permute_ = seed;
    EXPECT_EQ(RunAll(kGpt, 2, 2, {{{1, 2}, {0, 0}}, {{0, 1}, {1, 3}}, {{1, 1}}}), one) << "seed " << seed;
    uint64_t overtakings = 0;
    for (const auto& proxy : proxies_) overtakings += proxy->overtakings();
    EXPECT_GT(overtakings, 100) << "seed " << seed;
  }
}

TEST_F(ClusterTest, AnotherSeedGivesOtherBits) {
  const Entries one = RunAll(kLinear, 1, 1, {{{3, 0}}});
  EXPECT_NE(RunAll(Replace(kLinear, "seed: 7", "seed: 8"), 1, 1, {{{3, 0}}}), one);
}

TEST_F(ClusterTest, LeavesOfALostWorkerAreComputedByOthers) {
  const Entries one = RunAll(kGpt, 1, 1, {{{3, 0}}});
  Start(kGpt, 2);
  AddWorker(1);
  AddWorker(1);
  Assign({{{2, 0}}, {{2, 1}}}, 1);
  Listen([&] { return StepDone(3); });
  workers_[1].reset();
  Assign({{{3, 0}}}, 1);
  Listen([&] { return AllDone(); });
  EXPECT_EQ(entries_, one);
}

constexpr char kAudit[] = "run:\n  audit: 1.0";

TEST_F(ClusterTest, AuditedLeavesAreTheSameOnEveryWorker) {
  const Entries one = RunAll(kGpt, 1, 1, {{{3, 0}}});
  EXPECT_EQ(RunAll(Replace(kGpt, "run:", kAudit), 2, 2, {{{2, 0}}, {{1, 2}}, {{1, 3}}}), one);
  Listen([&] { return audits_.compared() == 8 * 7; });
  EXPECT_FALSE(difference_.has_value());
}

// A processor that computes wrong: the lowest bit of one gradient, once.
class WrongOperator final : public worker::Operator {
 public:
  WrongOperator(std::unique_ptr<worker::Operator> right, bool* armed) : right_(std::move(right)), armed_(armed) {
    needs_ = right_->needs();
  }
  void Forward(const worker::Piece& piece, const worker::ForwardCall& call, worker::Stream& stream) override {
    right_->Forward(piece, call, stream);
  }
  void Backward(const worker::Piece& piece, const worker::BackwardCall& call, worker::Stream& stream) override {
    right_->Backward(piece, call, stream);
    if (call.parameter_gradients.empty() || piece.key.step < 3 || !std::exchange(*armed_, false)) return;
    call.parameter_gradients[0].bytes()[0] ^= std::byte{1};
  }

 private:
  const std::unique_ptr<worker::Operator> right_;
  bool* const armed_;
};

class WrongFactory final : public worker::OperatorFactory {
 public:
  explicit WrongFactory(worker::OperatorFactory& right) : right_(right) {}
  DType real() const override { return right_.real(); }
  absl::StatusOr<std::unique_ptr<worker::Operator>> Make(const Graph& graph, const Layer& layer,
                                                         int64_t samples) override {
    auto made = right_.Make(graph, layer, samples);
    if (!made.ok()) return made.status();
    return std::make_unique<WrongOperator>(*std::move(made), &armed_);
  }

 private:
  worker::OperatorFactory& right_;
  bool armed_ = true;
};

TEST_F(ClusterTest, OneWrongBitOfOneGradientIsFoundByTheAudit) {
  Start(Replace(kLinear, "run:", kAudit), 1);
  WrongFactory wrong(*factory_);
  AddWorker(1);
  AddWorker(1, &wrong);
  Assign({{{2, 0}}, {{2, 1}}}, 1);
  Listen([&] { return difference_.has_value(); });
  EXPECT_NE(difference_->first, difference_->second);
  EXPECT_LT(difference_->fingerprint, plan_->layout.positions().size());
  Stop();
}

TEST_F(ClusterTest, OtherDataAreRefused) {
  Start(kLinear, 1);
  job_.mutable_data()->set_hash("0123456789");
  AddWorker(1);
  Assign({{{3, 0}}}, 1);
  Listen([&] { return !reports_[0].failure.empty(); });
  EXPECT_NE(reports_[0].failure.find("the data here are not the job's"), std::string::npos) << reports_[0].failure;
  EXPECT_EQ(reports_[0].counters["leaves_computed"], 0u);
}

}  // namespace
}  // namespace banyan
