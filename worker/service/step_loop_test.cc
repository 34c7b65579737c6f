// A step loop with real leaves, against one server of the test's own over loopback gRPC.
#include "worker/service/step_loop.h"

#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "common/rpc/connector.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/server.h"
#include "gtest/gtest.h"
#include "proto/job.pb.h"
#include "proto/parameter_server.grpc.pb.h"
#include "worker/data/synthetic_regression.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace banyan::worker {
namespace {

constexpr char kToken[] = "0123";
constexpr uint32_t kLeaves = 5;

// A server that only counts: weights @t are all t, and step t is done when every position has been pushed.
class FakeServer final : public v1::ParameterServer::WithRawCallbackMethod_Exchange<v1::ParameterServer::Service> {
 public:
  explicit FakeServer(const JobPlan& plan) : plan_(plan) {
    rpc_ = *RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {this}});
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Exchange(grpc::CallbackServerContext*) override {
    MutexLock lock(mutex);
    ++streams;
    const AcceptedFrameStream accepted = AcceptFrameStream(
        {.on_frame = [this](Frame frame) { Take(*DecodeToServer(std::move(frame))); },
         .on_closed = [](const absl::Status&) {}});
    stream_ = accepted.stream;
    return accepted.reactor;
  }

  ChunkMap Map() const {
    ChunkMap map{.epoch = 1,
                 .servers = {{.id = ServerId(1), .incarnation = Incarnation(1), .endpoint = rpc_->endpoint()}}};
    map.owners.resize(plan_.layout.chunk_count() + 1);
    return map;
  }

  void AwaitDone(Step step) {
    MutexLock lock(mutex);
    while (done < step) changed.Wait(mutex);
  }

  // As a server that goes down.
  void BreakStream() {
    MutexLock lock(mutex);
    stream_->Close(absl::UnavailableError("broken by the test"));
  }

  Mutex mutex;
  CondVar changed;
  int streams = 0;
  Step done = 0;
  Step last = UINT64_MAX;  // answered no further
  std::vector<Push> pushes;

 private:
  void Take(ToServer message) {
    MutexLock lock(mutex);
    if (std::holds_alternative<Hello>(message)) Greet();
    if (const auto* pull = std::get_if<Pull>(&message)) SendWeights(pull->chunk, pull->step);
    if (auto* push = std::get_if<Push>(&message)) TakePush(std::move(*push));
    stream_->Consumed();
  }

  void Greet() {
    State state{.term = 1, .epoch = 1, .done_through = done, .window_end = 1000};
    for (const ChunkUse& place : plan_.layout.positions()) {
      state.chunks.push_back({.chunk = place.chunk, .use = place.use, .applied = done, .covered = LeafSet(kLeaves)});
    }
    taken_.clear();
    stream_->Send(EncodeToWorker(state));
  }

  void TakePush(Push push) {
    const ChunkUse place{push.chunk, push.use};
    if (push.step == done + 1 && push.chunk != plan_.layout.evaluation_chunk()) taken_.insert(place);
    pushes.push_back(std::move(push));
    if (taken_.size() < plan_.layout.positions().size() || done == last) return;
    taken_.clear();
    ++done;
    for (uint32_t i = 0; i < plan_.layout.chunk_count(); ++i) SendWeights(ChunkId(i), done);
    changed.SignalAll();
  }

  void SendWeights(ChunkId chunk, Step step) {
    const std::vector<float> values(static_cast<size_t>(plan_.layout.chunk(chunk).element_count),
                                    static_cast<float>(step));
    stream_->Send(EncodeToWorker(Weights{.term = 1, .epoch = 1, .step = step, .chunk = chunk, .done_through = done,
                                         .window_end = 1000,
                                         .data = Payload::Copy(std::as_bytes(std::span(values)))}));
  }

  using Weights = banyan::Weights;
  const JobPlan& plan_;
  std::unique_ptr<RpcServer> rpc_;
  std::shared_ptr<FrameStream> stream_;
  std::set<ChunkUse> taken_;
};

class StepLoopTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { device_ = CpuDevice::Create().value().release(); }

  void SetUp() override {
    v1::Job job;
    job.mutable_recipe()->set_seed(3);
    job.mutable_recipe()->mutable_model()->mutable_linear()->set_outputs(2);
    job.mutable_recipe()->mutable_model()->mutable_linear()->set_bias(true);
    job.mutable_recipe()->mutable_data()->mutable_synthetic_regression();
    job.mutable_recipe()->mutable_batch()->set_samples(13);
    job.mutable_recipe()->mutable_batch()->set_leaf(3);
    job.mutable_recipe()->mutable_until()->set_steps(100);
    job.mutable_recipe()->mutable_optimizer()->mutable_sgd()->set_learning_rate(1);
    job.mutable_run()->mutable_servers()->set_chunk_bytes(16384);
    data_ = *SyntheticRegression::Make({.seed = 3, .features = 6000, .targets = 2, .samples = 100});
    plan_ = std::make_unique<JobPlan>(*JobPlan::Make(job, data_->facts(), device_->kind()));
    ASSERT_EQ(plan_->leaves, kLeaves);
    ASSERT_GT(plan_->layout.chunk_count(), 2u);
    server_ = std::make_unique<FakeServer>(*plan_);
  }

  // Takes the server's steps on `threads`, with the whole batch as this worker's share.
  void Start(uint32_t threads) {
    auto made = StepLoop::Create({.job = "j1",
                                  .worker = WorkerId(4),
                                  .incarnation = Incarnation(5),
                                  .threads = threads,
                                  .level = device_->level()},
                                 {.plan = plan_.get(), .data = data_.get(), .device = device_, .factory = &factory_,
                                  .connector = &connector_, .clock = &clock_});
    ASSERT_TRUE(made.ok()) << made.status();
    loop_ = *std::move(made);
    loop_->OnOrder({.coordinator_term = 1,
                    .term = 1,
                    .restore = RestorePoint(),
                    .map = server_->Map(),
                    .assignment = Assignment{.version = 1, .shares = {{WorkerId(4), {Tree(kLeaves).root()}}}},
                    .state = JobState::kRunning});
    thread_ = std::jthread([this] { result_ = loop_->Run(); });
  }

  absl::Status Leave() {
    loop_->Leave();
    thread_.join();
    return result_;
  }

  // The bytes pushed for a step, by position.
  std::map<ChunkUse, std::vector<std::byte>> PushedIn(Step step) {
    std::map<ChunkUse, std::vector<std::byte>> pushed;
    MutexLock lock(server_->mutex);
    for (const Push& push : server_->pushes) {
      if (push.step != step) continue;
      std::vector<std::byte>& bytes = pushed[{push.chunk, push.use}];
      bytes.resize(push.data.size());
      push.data.CopyTo(bytes);
    }
    return pushed;
  }

  static inline CpuDevice* device_ = nullptr;
  CpuOperatorFactory factory_{device_->level()};
  SystemClock clock_;
  std::unique_ptr<SyntheticRegression> data_;
  std::unique_ptr<JobPlan> plan_;
  std::unique_ptr<FakeServer> server_;
  Connector connector_{kToken};
  std::unique_ptr<StepLoop> loop_;
  absl::Status result_;
  std::jthread thread_;
};

TEST_F(StepLoopTest, PullsComputesPushesAndTakesTheNextStep) {
  Start(1);
  server_->AwaitDone(3);
  EXPECT_TRUE(Leave().ok());

  const size_t positions = plan_->layout.positions().size();
  ASSERT_GE(server_->pushes.size(), 3 * positions);
  for (size_t i = 0; i < 3 * positions; ++i) {
    const Push& push = server_->pushes[i];
    EXPECT_EQ(push.step, 1 + i / positions);
    EXPECT_EQ(push.chunk, plan_->layout.positions()[i % positions].chunk) << "lowest window position first";
    EXPECT_EQ(push.node, Tree(kLeaves).root());
    EXPECT_EQ(push.weight, 13);
  }
  EXPECT_GE(loop_->Report().counters["leaves_computed"], 2 * kLeaves);
}

TEST_F(StepLoopTest, ThreadsDoNotChangeWhatIsPushed) {
  Start(1);
  server_->AwaitDone(2);
  EXPECT_TRUE(Leave().ok());
  const auto one = PushedIn(2);
  loop_.reset();
  server_ = std::make_unique<FakeServer>(*plan_);

  Start(3);
  server_->AwaitDone(2);
  EXPECT_TRUE(Leave().ok());

  EXPECT_EQ(PushedIn(2), one);
  EXPECT_NE(PushedIn(1), one);
}

TEST_F(StepLoopTest, OpensABrokenStreamAgainAndSendsWhatIsMissing) {
  {
    MutexLock lock(server_->mutex);
    server_->last = 1;  // step 2 is pushed and never answered
  }
  Start(1);
  server_->AwaitDone(1);
  {
    MutexLock lock(server_->mutex);
    server_->last = UINT64_MAX;
  }
  server_->BreakStream();
  server_->AwaitDone(3);
  EXPECT_TRUE(Leave().ok());

  MutexLock lock(server_->mutex);
  EXPECT_GE(server_->streams, 2);
}

}  // namespace
}  // namespace banyan::worker
