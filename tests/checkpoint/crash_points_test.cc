// A checkpoint as a cluster writes it: the shards of two servers write their chunks, in any order, the coordinator
// publishes what they tell, notes it in its store, and deletes what is old. The power goes at every call of the disk that
// they share; what the store has noted is there, and the newest complete checkpoint loads, to the last bit.
#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/publisher.h"
#include "common/config/defaults.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "common/job/checkpoint_tensors.h"
#include "coordinator/service/publish.h"
#include "coordinator/service/restore_points.h"
#include "gtest/gtest.h"
#include "server/checkpoint/part_writer.h"
#include "server/checkpoint/state_source.h"
#include "server/shard/toy_job.h"

namespace banyan {
namespace {

using server::CheckpointWork;
using server::ChunkMemory;
using server::PartWriter;
using server::ToyJob;
using Unsynced = SimulatedDisk::Unsynced;

constexpr char kJobs[] = "/jobs";
constexpr char kJob[] = "/jobs/j1";
constexpr size_t kShards = 4;  // of two servers with two each
constexpr Step kOld = 1;
constexpr Step kGivenUp = 2;
constexpr Step kNew = 3;

// The processes of a job, and its row in the store.
class Processes {
 public:
  explicit Processes(SimulatedDisk& disk, uint64_t seed) : disk_(disk), random_(seed) {
    record_ = {.id = "j1", .job = config::WithDefaults(ToyJob::JobOf({})), .restore = {.step = kNew}};
    NewTerm();
  }

  // All begin anew.
  void NewTerm() {
    ++record_.term;
    writers_.clear();
    for (size_t i = 0; i < kShards; ++i) {
      writers_.push_back(std::make_unique<PartWriter>(PartWriter::Options{
          .files = &disk_, .plan = &toy().plan(), .layout = &layout(), .slots = Slots()}));
    }
  }

  // What the first `shards` of them tell once they have written their chunks @step.
  absl::StatusOr<std::vector<CheckpointPart>> Write(Step step, size_t shards = kShards) {
    std::vector<uint32_t> chunks;
    std::vector<size_t> sizes(kShards);
    for (uint32_t chunk = 0; chunk < toy().plan().layout.chunk_count(); ++chunk) {
      ++sizes[chunk % kShards];
      if (chunk % kShards < shards) chunks.push_back(chunk);
    }
    std::ranges::shuffle(chunks, random_);
    absl::Status status;
    std::vector<CheckpointPart> parts;
    for (const uint32_t chunk : chunks) {
      const ToyJob::State& state = toy().At(step, ChunkId(chunk));
      CheckpointWork work = {.term = record_.term,
                             .step = step,
                             .directory = kJob,
                             .part_chunks = sizes[chunk % kShards],
                             .chunk = ChunkId(chunk),
                             .weights = Payload::Borrow(std::as_bytes(std::span(state.weights)))};
      for (const auto& slot : state.slots) work.slots.push_back(Payload::Borrow(std::as_bytes(std::span(slot))));
      const auto part = writers_[chunk % kShards]->Write(work);
      if (!part.has_value()) continue;
      status.Update(part->status());
      if (part->ok()) parts.push_back({.term = record_.term, .step = step, .ranges = **part});
    }
    if (!status.ok()) return status;
    return parts;
  }

  // To the end; what was OK is in the store.
  absl::Status WriteAndPublish(Step step) {
    ASSIGN_OR_RETURN(std::vector<CheckpointPart> parts, Write(step));
    const coordinator::JobEffects::PublishRequest request = {
        .term = record_.term,
        .step = step,
        .parts = std::move(parts),
        .plan = std::shared_ptr<const JobPlan>(&toy().plan(), [](const JobPlan*) {})};
    RETURN_IF_ERROR(coordinator::PublishParts(disk_, kJob, record_, request, absl::UnixEpoch()));
    record_.checkpoint = RestorePoint{.step = step};
    return RemoveOldCheckpoints(disk_, kJob, /*keep=*/1, {});
  }

  // What the next term begins with, which has been loaded and compared.
  absl::StatusOr<Step> Restore() {
    ASSIGN_OR_RETURN(const RestorePoint point, coordinator::FindGoodRestorePoint(disk_, kJobs, record_));
    if (point.step < noted()) {
      return absl::InternalError(absl::StrCat("step ", noted(), " was noted, and only step ", point.step, " is there"));
    }
    ChunkMemory memory(0);
    server::RestoreWork work = {.term = record_.term + 1, .point = point};
    for (uint32_t chunk = 0; chunk < toy().plan().layout.chunk_count(); ++chunk) {
      const ToyJob::State& state = toy().At(point.step, ChunkId(chunk));
      work.chunks.push_back({.chunk = ChunkId(chunk), .weights = memory.Allocate(state.weights.size())});
      for (const auto& slot : state.slots) work.chunks.back().slots.push_back(memory.Allocate(slot.size()));
    }
    const server::StateSource source({.files = &disk_, .plan = &toy().plan(), .slots = Slots()});
    RETURN_IF_ERROR(source.Restore(work));
    for (const auto& chunk : work.chunks) {
      const ToyJob::State& state = toy().At(point.step, chunk.chunk);
      bool right = std::ranges::equal(chunk.weights->values(), state.weights);
      for (size_t i = 0; i < state.slots.size(); ++i) {
        right = right && std::ranges::equal(chunk.slots[i]->values(), state.slots[i]);
      }
      if (!right) return absl::InternalError(absl::StrCat("chunk ", chunk.chunk.value(), " is not that of ", point.step));
    }
    return point.step;
  }

  Step noted() const { return record_.checkpoint.value_or(RestorePoint()).step; }

 private:
  // The same for all, and slow to make.
  static const ToyJob& toy() {
    static const ToyJob& job = *new ToyJob({});
    return job;
  }
  static std::vector<std::string> Slots() {
    const auto names = toy().rule().SlotNames();
    return {names.begin(), names.end()};
  }
  static const CheckpointLayout& layout() {
    static const CheckpointLayout& layout =
        *new CheckpointLayout(*CheckpointLayout::Create(CheckpointTensorsOf(toy().plan(), toy().rule().SlotNames())));
    return layout;
  }

  SimulatedDisk& disk_;
  std::mt19937_64 random_;
  coordinator::JobRecord record_;
  std::vector<std::unique_ptr<PartWriter>> writers_;
};

class CrashPointsTest : public testing::TestWithParam<std::tuple<Unsynced, Unsynced>> {};

// Names and content that stay, both, are what is left when not the machine ends but every process.
TEST_P(CrashPointsTest, TheNewestCompleteOneLoads) {
  bool over = false;
  int restored_new = 0;
  for (uint64_t call = 1; !over; ++call) {
    SCOPED_TRACE(absl::StrCat("the power goes at call ", call));
    ASSERT_LT(call, 2000u);
    SimulatedDisk disk;
    ASSERT_TRUE(CreateDirectories(disk, kJob).ok());
    Processes processes(disk, call);
    ASSERT_TRUE(processes.WriteAndPublish(kOld).ok());
    ASSERT_TRUE(processes.Write(kGivenUp, kShards - 1).ok());
    disk.SetFault(call, SimulatedDisk::Fault::kPowerOff);
    over = processes.WriteAndPublish(kNew).ok();
    disk.Crash({.names = std::get<0>(GetParam()), .content = std::get<1>(GetParam()), .seed = call});

    const bool published = Exists(disk, JoinPath(kJob, CheckpointName{.term = 1, .step = kNew}.Directory())).value();
    const absl::StatusOr<Step> restored = processes.Restore();
    ASSERT_TRUE(restored.ok()) << restored.status();
    ASSERT_EQ(*restored, published ? kNew : kOld);
    if (published) ++restored_new;
    // The next term does it again, beside whatever is left. (Not each time: it takes its time.)
    if (call % 4 != 0 && !published) continue;
    processes.NewTerm();
    const absl::Status again = processes.WriteAndPublish(kNew);
    ASSERT_TRUE(again.ok()) << again;
    EXPECT_EQ(processes.Restore().value_or(0), kNew);
    EXPECT_EQ(disk.List(kJob)->size(), 1) << "what is old or was given up is deleted";
  }
  EXPECT_GT(restored_new, 10) << "crashes after it was published";
}

INSTANTIATE_TEST_SUITE_P(Losses, CrashPointsTest,
                         testing::Values(std::tuple(Unsynced::kLost, Unsynced::kLost),
                                         std::tuple(Unsynced::kKept, Unsynced::kLost),
                                         std::tuple(Unsynced::kKept, Unsynced::kKept),
                                         std::tuple(Unsynced::kTorn, Unsynced::kTorn)));

// The same disk fails once, or is full once, and the processes go on: said, and the next one is whole. (Every other
// call: it takes its time.)
TEST(DiskFaultsTest, AFaultAtAnyCallIsSaidAndTheNextOneIsWhole) {
  using enum SimulatedDisk::Fault;
  bool beyond = false;
  for (uint64_t call = 1; !beyond; call += 2) {
    SCOPED_TRACE(absl::StrCat("a fault at call ", call));
    const SimulatedDisk::Fault fault = std::array{kNoSpace, kShortWrite, kIoError}[call % 3];
    SimulatedDisk disk;
    ASSERT_TRUE(CreateDirectories(disk, kJob).ok());
    Processes processes(disk, call);
    ASSERT_TRUE(processes.WriteAndPublish(kOld).ok());
    disk.SetFault(call, fault);
    const bool done = processes.WriteAndPublish(kGivenUp).ok();
    beyond = disk.calls() < call;
    ASSERT_TRUE(beyond || !done) << "nobody said so";
    disk.SetFault(0, fault);
    EXPECT_GE(processes.Restore().value_or(0), processes.noted());
    ASSERT_TRUE(processes.WriteAndPublish(kNew).ok());
    EXPECT_EQ(processes.Restore().value_or(0), kNew);
  }
}

}  // namespace
}  // namespace banyan
