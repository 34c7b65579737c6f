// Servers over loopback gRPC, with the test as their coordinator and worker.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/checkpoint/manifest.h"
#include "common/checkpoint/publisher.h"
#include "common/file/posix_file_system.h"
#include "common/job/checkpoint_tensors.h"
#include "common/rpc/connector.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/server.h"
#include "common/rpc/session_codec.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/checkpoint.pb.h"
#include "server/service/parameter_service.h"
#include "server/service/server_agent.h"

namespace banyan::server {
namespace {

constexpr char kToken[] = "0123";
constexpr Step kSteps = 4;

v1::ResolvedJob MakeJob(bool clip) {
  v1::ResolvedJob job;
  CHECK(google::protobuf::TextFormat::ParseFromString(R"(
    id: "j1"
    job {
      version: 1 name: "toy"
      recipe {
        seed: 3
        model { gpt { layers: 1 heads: 2 width: 24 context: 8 } }
        batch { samples: 4 leaf: 1 }
        until { steps: 4 }
        optimizer { adamw { learning_rate: 1e-2 } }
      }
      run { servers { chunk_bytes: 16384 } checkpoint { every { steps: 2 } } }
    }
    data { samples: 100 held_out_samples: 10 vocabulary: 200 })", &job));
  if (clip) job.mutable_job()->mutable_recipe()->mutable_optimizer()->set_clip_norm(0.5);
  return job;
}

struct TestServer {
  TestServer(uint32_t index, uint32_t executors, FileSystem& files, const Roots& roots)
      : service([this](const std::string& job) { return agent == nullptr ? nullptr : agent->Find(job); }) {
    rpc = *RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {&service}});
    v1::Process process;
    process.set_name("server");
    process.set_incarnation(50 + index);
    agent = std::make_unique<ServerAgent>(ServerAgent::Options{
        .process = process, .token = kToken, .executors = executors, .files = &files, .roots = &roots,
        .level = DetectCpuLevel()});
  }
  ~TestServer() {
    agent->StopJobs();
    rpc->Shutdown(absl::Milliseconds(50));
  }

  ParameterService service;
  std::unique_ptr<RpcServer> rpc;
  std::unique_ptr<ServerAgent> agent;
};

// What came on all streams of the worker.
struct Inbox {
  Mutex mutex;
  CondVar changed;
  std::map<std::pair<uint32_t, uint32_t>, Step> done;  // by server, shard
  std::map<std::pair<Step, ChunkId>, std::vector<std::byte>> weights;
  std::map<std::pair<Step, ChunkId>, std::optional<Ledger>> ledgers;
  absl::Status closed;
  int closed_streams = 0;

  void Take(uint32_t server, uint32_t shard, Frame frame) {
    const absl::StatusOr<ToWorker> message = DecodeToWorker(std::move(frame), 4);
    MutexLock lock(mutex);
    if (!message.ok()) closed = message.status();
    if (message.ok()) {
      if (const auto* state = std::get_if<State>(&*message)) done[{server, shard}] = state->done_through;
      if (const auto* one = std::get_if<Weights>(&*message)) {
        done[{server, shard}] = one->done_through;
        if (one->chunk.has_value()) {
          std::vector<std::byte> bytes(one->data.size());
          one->data.CopyTo(bytes);
          weights[{one->step, *one->chunk}] = std::move(bytes);
          ledgers[{one->step, *one->chunk}] = one->ledger;
        }
      }
    }
    changed.SignalAll();
  }
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/banyan_service_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    roots_ = *Roots::Parse(files_, {});
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(directory_);
  }

  void Start(uint32_t servers, uint32_t executors, bool clip) {
    Stop();
    executors_ = executors;
    job_ = MakeJob(clip);
    facts_ = *JobFacts::Make(job_, files_, *roots_);
    for (uint32_t i = 0; i < servers; ++i) {
      servers_.push_back(std::make_unique<TestServer>(i, executors, files_, *roots_));
    }
    map_ = {.epoch = 1};
    for (uint32_t i = 0; i < servers; ++i) {
      map_.servers.push_back({.id = ServerId(10 + i), .incarnation = Incarnation(50 + i),
                              .endpoint = servers_[i]->rpc->endpoint(), .shards = executors});
    }
    for (uint32_t chunk = 0; chunk <= facts_->plan.layout.chunk_count(); ++chunk) {
      map_.owners.push_back({.primary = (chunk / executors + 1) % servers});
    }
  }

  void Stop() {
    for (const auto& [peer, stream] : streams_) stream->Close(absl::OkStatus());
    streams_.clear();
    servers_.clear();
    entries_.clear();
    parts_.clear();
  }

  void Command(Term term, const RestorePoint& restore, uint64_t coordinator_term = 1) {
    JobOrder order{.coordinator_term = coordinator_term, .term = term, .restore = restore, .map = map_};
    order.assignment = Assignment{.version = 1, .max_pending = 1};
    order.checkpoint_directory = directory_ + "/j1";
    order.state = JobState::kRunning;
    for (size_t i = 0; i < servers_.size(); ++i) {
      v1::Command command;
      command.set_coordinator_term(coordinator_term);
      command.set_id(10 + i);
      *command.add_jobs() = EncodeJobOrder(order);
      *command.mutable_jobs(0)->mutable_job() = job_;
      servers_[i]->agent->OnCommand(command);
    }
  }

  // A command without jobs.
  void Drop(size_t server, uint64_t coordinator_term = 1) {
    v1::Command command;
    command.set_coordinator_term(coordinator_term);
    command.set_id(10 + server);
    servers_[server]->agent->OnCommand(command);
  }

  // Reports until `over` says so.
  template <typename Condition>
  void Listen(const Condition& over) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    ready_ = false;
    failure_.clear();
    while (!over()) {
      ASSERT_LT(absl::Now(), deadline);
      ready_ = true;
      for (size_t i = 0; i < servers_.size(); ++i) {
        servers_[i]->agent->OnTick(absl::Now());
        const v1::Report report = servers_[i]->agent->MakeReport(false);
        for (const v1::JobReport& job : report.jobs()) {
          ready_ = ready_ && job.ready();
          failure_ = job.failure();
          const JobReport one = *DecodeJobReport(job, 4);
          for (const Entry& entry : one.entries) entries_[{entry.step, entry.chunk}] = entry;
          for (const CheckpointPart& part : one.parts) parts_[part.step][i] = part;
        }
      }
      MutexLock lock(inbox_->mutex);
      inbox_->changed.WaitFor(inbox_->mutex, absl::Milliseconds(2));
    }
  }

  void AwaitClosed(int streams) {
    Listen([&] {
      MutexLock lock(inbox_->mutex);
      return inbox_->closed_streams == streams;
    });
  }

  void Open(Term term) {
    inbox_ = std::make_shared<Inbox>();
    for (uint32_t server = 0; server < servers_.size(); ++server) {
      for (uint32_t shard = 0; shard < executors_; ++shard) {
        // The stream is consumed as it comes.
        auto self = std::make_shared<std::shared_ptr<FrameStream>>();
        auto stream = connector_.Open(map_.servers[server].endpoint, "/banyan.v1.ParameterServer/Exchange", "j1",
                                      {.on_frame =
                                           [inbox = inbox_, server, shard, self](Frame frame) {
                                             inbox->Take(server, shard, std::move(frame));
                                             MutexLock lock(inbox->mutex);
                                             if (*self != nullptr) (*self)->Consumed();
                                           },
                                       .on_closed =
                                           [inbox = inbox_, self](const absl::Status& status) {
                                             MutexLock lock(inbox->mutex);
                                             *self = nullptr;
                                             inbox->closed = status;
                                             ++inbox->closed_streams;
                                             inbox->changed.SignalAll();
                                           }});
        {
          MutexLock lock(inbox_->mutex);
          *self = stream;
        }
        stream->Send(EncodeToServer(Hello{.term = term, .worker = WorkerId(1), .shard = shard}));
        streams_[{server, shard}] = stream;
      }
    }
  }

  // Pushes every chunk's gradient of `step` as `nodes`, and waits for the step's end.
  void PushStep(Term term, Step step, const std::vector<Node>& nodes) {
    const ChunkLayout& layout = facts_->plan.layout;
    for (const Node& node : nodes) {
      for (const ChunkUse& place : layout.positions()) {
        std::vector<float> gradient(static_cast<size_t>(layout.chunk(place.chunk).element_count), 0.0f);
        for (const Segment& segment : layout.chunk(place.chunk).segments) {
          for (int64_t i = 0; i < segment.element_count; ++i) {
            const uint64_t name =
                segment.parameter.value() * 977 + static_cast<uint64_t>(segment.first_element + i) + place.use;
            // Powers of two: the sum over leaves has the same bits however it is cut.
            gradient[static_cast<size_t>(segment.offset + i)] =
                static_cast<float>(1u << node.level) * static_cast<float>(static_cast<int>((name * step) % 13) - 6);
          }
        }
        Push push{.term = term, .step = step, .chunk = place.chunk, .use = place.use, .node = node,
                  .weight = static_cast<double>(1u << node.level), .loss = 0.5 * (1u << node.level)};
        push.data = Payload::Copy(std::as_bytes(std::span<const float>(gradient)));
        const uint32_t server = map_.owners[place.chunk.value()].primary;
        streams_[{server, map_.ShardOf(place.chunk)}]->Send(EncodeToServer(push));
      }
    }
    Listen([&] {
      MutexLock lock(inbox_->mutex);
      if (!inbox_->closed.ok()) return true;
      for (const auto& [peer, stream] : streams_) {
        if (!inbox_->done.contains(peer) || inbox_->done[peer] < step) return false;
      }
      for (uint32_t chunk = 0; chunk < layout.chunk_count(); ++chunk) {
        if (!inbox_->weights.contains({step, ChunkId(chunk)})) return false;
      }
      return true;
    });
    MutexLock lock(inbox_->mutex);
    ASSERT_TRUE(inbox_->closed.ok()) << inbox_->closed;
  }

  // The checkpoint of term 1 whose parts have been reported.
  void Publish(Step step) {
    std::vector<PartRange> ranges;
    for (const auto& [server, part] : parts_[step]) {
      EXPECT_EQ(part.failure, "");
      for (const CheckpointPart::Range& range : part.ranges) {
        ranges.push_back({.file = range.file, .offset = range.offset, .size = range.size, .checksum = range.checksum});
      }
    }
    v1::CheckpointManifest facts;
    facts.set_term(1);
    facts.set_step(step);
    ASSERT_TRUE(PublishCheckpoint(files_, facts_->layout, directory_ + "/j1", facts, ranges).ok());
  }

  std::vector<std::vector<std::byte>> WeightsAt(Step step) {
    MutexLock lock(inbox_->mutex);
    std::vector<std::vector<std::byte>> weights;
    for (uint32_t chunk = 0; chunk < facts_->plan.layout.chunk_count(); ++chunk) {
      weights.push_back(inbox_->weights[{step, ChunkId(chunk)}]);
    }
    return weights;
  }

  uint64_t FingerprintAt(Step step) {
    uint64_t sum = 0;
    for (uint32_t chunk = 0; chunk < facts_->plan.layout.chunk_count(); ++chunk) {
      EXPECT_TRUE(entries_.contains({step, ChunkId(chunk)}));
      sum += entries_[{step, ChunkId(chunk)}].fingerprint;
    }
    return sum;
  }

  // Runs the whole job; returns the last weights.
  std::vector<std::vector<std::byte>> RunAll(uint32_t servers, uint32_t executors, bool clip,
                                             const std::vector<Node>& nodes) {
    Start(servers, executors, clip);
    Command(1, {});
    inbox_ = std::make_shared<Inbox>();
    Listen([&] { return ready_; });
    Open(1);
    for (Step step = 1; step <= kSteps; ++step) PushStep(1, step, nodes);
    Listen([&] { return entries_.size() == kSteps * facts_->plan.layout.chunk_count(); });
    return WeightsAt(kSteps);
  }

  PosixFileSystem files_;
  std::string directory_;
  std::optional<Roots> roots_;
  v1::ResolvedJob job_;
  std::shared_ptr<const JobFacts> facts_;
  uint32_t executors_ = 1;
  ChunkMap map_;
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();  // shared with streams that end later
  Connector connector_{kToken};
  std::vector<std::unique_ptr<TestServer>> servers_;
  std::map<std::pair<uint32_t, uint32_t>, std::shared_ptr<FrameStream>> streams_;
  bool ready_ = false;
  std::string failure_;
  std::map<std::pair<Step, ChunkId>, Entry> entries_;
  std::map<Step, std::map<size_t, CheckpointPart>> parts_;
};

TEST_F(ServiceTest, EveryLayoutGivesTheSameBits) {
  const auto one = RunAll(1, 1, false, {{2, 0}});
  const uint64_t fingerprint = FingerprintAt(kSteps);
  const auto two = RunAll(2, 2, false, {{1, 1}, {0, 0}, {0, 1}});

  EXPECT_EQ(one, two);
  EXPECT_EQ(FingerprintAt(kSteps), fingerprint);
}

TEST_F(ServiceTest, EveryLayoutClipsAlike) {
  const auto one = RunAll(1, 1, true, {{2, 0}});
  const std::optional<Ledger> ledger = inbox_->ledgers[{kSteps, ChunkId(0)}];
  const auto three = RunAll(3, 2, true, {{1, 0}, {1, 1}});

  EXPECT_EQ(one, three);
  ASSERT_TRUE(ledger.has_value() && ledger->norm.has_value());
  EXPECT_GT(*ledger->norm, 0.5);
  EXPECT_EQ((inbox_->ledgers[{kSteps, ChunkId(0)}]), ledger);
  EXPECT_NE(one, RunAll(1, 1, false, {{2, 0}}));
}

TEST_F(ServiceTest, GoesOnFromACheckpointOnOtherServers) {
  const auto whole = RunAll(2, 2, false, {{2, 0}});
  Listen([&] { return parts_[0].size() == 2 && parts_[2].size() == 2 && parts_[4].size() == 2; });
  // The newest is not the one that the order names (rule R12).
  Publish(2);
  Publish(4);

  Start(1, 3, false);
  Command(2, {.step = 2, .directory = directory_ + "/j1/" + CheckpointName{.term = 1, .step = 2}.Directory()});
  Listen([&] { return ready_; });
  ASSERT_EQ(failure_, "");
  Open(2);
  PushStep(2, 3, {{2, 0}});
  PushStep(2, 4, {{2, 0}});

  EXPECT_EQ(WeightsAt(kSteps), whole);
}

TEST_F(ServiceTest, SaysWhatIsWrongWithACheckpoint) {
  Start(1, 1, false);

  Command(2, {.step = 2, .directory = directory_ + "/nothing"});
  Listen([&] { return !failure_.empty(); });

  EXPECT_NE(failure_.find(directory_ + "/nothing"), std::string::npos) << failure_;
  EXPECT_FALSE(ready_);
}

TEST_F(ServiceTest, SaysThatItsDiskStandsStill) {
  Start(1, 1, false);
  // To be opened, a FIFO waits for somebody who writes.
  const std::string stuck = directory_ + "/stuck";
  std::filesystem::create_directory(stuck);
  ASSERT_EQ(mkfifo((stuck + "/" + kManifestFile).c_str(), 0600), 0);
  Command(2, {.step = 2, .directory = stuck});
  ServerAgent& agent = *servers_[0]->agent;
  const auto disk_waits = [&] {
    std::vector<v1::Wait> waits;
    const v1::Report report = agent.MakeReport(false);
    for (const v1::Wait& wait : report.jobs(0).waits()) {
      if (wait.what() == "disk") waits.push_back(wait);
    }
    return waits;
  };
  const absl::Time start = absl::Now();
  absl::Time now = start;
  std::vector<v1::Wait> waits;
  while (waits.empty()) {
    now = absl::Now();
    ASSERT_LT(now, start + absl::Seconds(20));
    agent.OnTick(now);
    waits = disk_waits();
    MutexLock lock(inbox_->mutex);
    inbox_->changed.WaitFor(inbox_->mutex, absl::Milliseconds(20));
  }
  EXPECT_GE(waits[0].since(), absl::ToDoubleSeconds(start - absl::UnixEpoch()));
  EXPECT_LE(waits[0].since(), absl::ToDoubleSeconds(now - absl::UnixEpoch()) - 1);

  std::ofstream(stuck + "/" + kManifestFile).close();
  Listen([&] { return !failure_.empty() && disk_waits().empty(); });
}

TEST_F(ServiceTest, ClosesAStreamThatBreaksTheProtocol) {
  Start(1, 1, false);
  Command(1, {});
  Listen([&] { return ready_; });
  Open(1);

  streams_[{0, 0}]->Send(EncodeToServer(Push{.term = 1, .step = 1, .chunk = ChunkId(0), .node = {2, 0},
                                             .data = Payload::Copy(std::vector<std::byte>(8))}));
  AwaitClosed(1);

  EXPECT_EQ(inbox_->closed.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(inbox_->closed.message().find("has 8 bytes, expected"), std::string::npos) << inbox_->closed;
}

TEST_F(ServiceTest, RefusesStreamsOfAJobThatIsNotHere) {
  Start(1, 1, false);

  Open(1);
  AwaitClosed(1);

  EXPECT_EQ(inbox_->closed.code(), absl::StatusCode::kNotFound) << inbox_->closed;
}

TEST_F(ServiceTest, ObeysNoOlderCoordinator) {
  Start(1, 1, false);
  Command(1, {}, /*coordinator_term=*/5);
  Listen([&] { return ready_; });

  Drop(0, /*coordinator_term=*/4);

  EXPECT_NE(servers_[0]->agent->Find("j1"), nullptr) << "dropped";
  EXPECT_EQ(servers_[0]->agent->MakeReport(false).coordinator_term(), 5u);
}

TEST_F(ServiceTest, DroppingAJobEndsItsStreamsAndFreesItsMemory) {
  Start(1, 2, false);
  Command(1, {});
  Listen([&] { return ready_; });
  Open(1);
  PushStep(1, 1, {{2, 0}});

  Drop(0);
  AwaitClosed(2);

  EXPECT_EQ(servers_[0]->agent->Find("j1"), nullptr);
}

// The others' gates have streams to the one that it had before.
TEST_F(ServiceTest, AJobThatComesBackToAServerClipsOn) {
  const auto whole = RunAll(2, 1, /*clip=*/true, {{2, 0}});
  Start(2, 1, /*clip=*/true);
  Command(1, {});
  Listen([&] { return ready_; });
  Open(1);
  PushStep(1, 1, {{2, 0}});
  Drop(1);
  for (const auto& [peer, stream] : streams_) stream->Close(absl::OkStatus());
  streams_.clear();

  Command(2, {});
  Listen([&] { return ready_; });
  Open(2);
  for (Step step = 1; step <= kSteps; ++step) PushStep(2, step, {{2, 0}});

  EXPECT_EQ(WeightsAt(kSteps), whole);
}

}  // namespace
}  // namespace banyan::server
