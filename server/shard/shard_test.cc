#include "server/shard/shard.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/shard/toy_job.h"

namespace banyan::server {
namespace {

constexpr StreamId kA{1};
constexpr StreamId kB{2};

bool SameBits(const Payload& payload, const std::vector<float>& values) {
  return payload.size() == values.size() * sizeof(float) &&
         std::memcmp(payload.ranges()[0].bytes.data(), values.data(), payload.size()) == 0;
}

// One shard with all chunks of a ToyJob.
class ShardTest : public testing::Test, public ShardOutput {
 public:
  void Send(StreamId stream, ToWorker message) override { sent.push_back({stream, std::move(message)}); }
  void Close(StreamId stream, const absl::Status& why) override { closed.push_back({stream, why}); }
  void Restore(RestoreWork work) override { restores.push_back(std::move(work)); }
  void Committed(Term, Step step, ChunkId chunk, std::vector<SegmentSum>, double, double) override {
    committed.push_back({step, chunk});
  }
  void WriteCheckpoint(CheckpointWork work) override { writes.push_back(std::move(work)); }

 protected:
  void Make(const ToyJob::Options& options, size_t pool_buffers = 100) {
    job = std::make_unique<ToyJob>(options);
    shard = std::make_unique<Shard>(job->ShardOptions(0, 0, pool_buffers * 4096 * sizeof(float)), *this);
  }

  JobOrder Order(Term term, Step point = 0) const {
    JobOrder order{.coordinator_term = 1, .term = term, .restore = RestorePoint{.step = point}, .map = job->Map(1, 1)};
    order.assignment = Assignment{.version = 7, .max_pending = max_pending};
    return order;
  }

  void Begin(Term term = 1, Step point = 0) {
    shard->OnOrder(Order(term, point));
    job->Fill(restores.back());
    shard->OnRestored(term, absl::OkStatus());
    sent.clear();
  }

  void SayHello(StreamId stream, Term term = 1) {
    shard->OnHello(stream, Hello{.term = term, .worker = WorkerId(5)});
  }

  void PushOne(StreamId stream, Step step, ChunkUse place, Node node) {
    shard->OnPush(stream, job->PushOf(shard->term(), step, place.chunk, place.use, node));
  }

  // All positions of a step, whole.
  void PushStep(StreamId stream, Step step) {
    for (const ChunkUse& place : job->plan().layout.positions()) PushOne(stream, step, place, Root());
  }

  Node Root() const { return Tree(job->plan().leaves).root(); }
  ChunkUse Place(size_t i) const { return job->plan().layout.positions()[i]; }

  // The last message to a stream, which must be a T.
  template <typename T>
  T Last(StreamId stream) {
    for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
      if (it->first != stream) continue;
      EXPECT_TRUE(std::holds_alternative<T>(it->second)) << "index " << it->second.index();
      return std::holds_alternative<T>(it->second) ? std::get<T>(it->second) : T();
    }
    ADD_FAILURE() << "nothing sent";
    return T();
  }

  uint32_t max_pending = 1;
  std::unique_ptr<ToyJob> job;
  std::vector<std::pair<StreamId, ToWorker>> sent;
  std::vector<std::pair<StreamId, absl::Status>> closed;
  std::vector<RestoreWork> restores;
  std::vector<std::pair<Step, ChunkId>> committed;
  std::vector<CheckpointWork> writes;
  std::unique_ptr<Shard> shard;
};

TEST_F(ShardTest, AStreamBeginsWithState) {
  Make({});
  Begin();

  SayHello(kA);

  const State state = Last<State>(kA);
  EXPECT_EQ(state.term, 1u);
  EXPECT_EQ(state.done_through, 0u);
  EXPECT_EQ(state.chunks.size(), job->plan().layout.positions().size() + 1) << "and the evaluation chunk";
  ASSERT_TRUE(state.map.has_value()) << "the worker has none";
  EXPECT_EQ(state.map->epoch, 1u);
}

TEST_F(ShardTest, StateOnANewStreamSaysWhatIsCovered) {
  Make({.leaves = 4});
  Begin();
  SayHello(kA);
  PushOne(kA, 1, Place(0), {1, 0});
  shard->OnClosed(kA);

  SayHello(kB);

  for (const State::Chunk& chunk : Last<State>(kB).chunks) {
    EXPECT_EQ(chunk.covered.count(), chunk.chunk == Place(0).chunk && chunk.use == Place(0).use ? 2u : 0u);
  }
}

TEST_F(ShardTest, ADroppedPushIsAnsweredByState) {
  Make({.leaves = 4});
  Begin();
  SayHello(kA);
  PushOne(kA, 1, Place(0), {1, 0});
  sent.clear();

  PushOne(kA, 1, Place(0), {0, 1});  // covered
  EXPECT_EQ(Last<State>(kA).chunks[Place(0).use].covered.count(), 2u);
  sent.clear();
  PushOne(kA, 3, Place(0), {1, 1});  // too early
  EXPECT_EQ(Last<State>(kA).chunks[0].applied, 0u);
  EXPECT_TRUE(closed.empty());
}

TEST_F(ShardTest, NoStepBeginsBeforeTheOneBeforeIsDoneOnAllChunks) {
  Make({});
  Begin();
  SayHello(kA);
  const ChunkUse single = *std::ranges::find_if(job->plan().layout.positions(), [&](const ChunkUse& place) {
    return job->plan().layout.chunk(place.chunk).uses == 1;
  });
  PushOne(kA, 1, single, Root());
  ASSERT_EQ(Last<Weights>(kA).step, 1u);

  PushOne(kA, 2, single, Root());

  EXPECT_EQ(Last<State>(kA).done_through, 0u);
}

TEST_F(ShardTest, WeightsAreServedToAllAndMarksFollowThem) {
  Make({});
  Begin();
  SayHello(kA);
  SayHello(kB);

  PushStep(kA, 1);

  const auto last = Last<Weights>(kB);
  EXPECT_EQ(last.done_through, 1u);
  EXPECT_EQ(shard->done_through(), 1u);
  size_t chunks = 0;
  for (const auto& [stream, message] : sent) {
    const auto* weights = std::get_if<Weights>(&message);
    if (stream != kB || weights == nullptr || !weights->chunk.has_value()) continue;
    ++chunks;
    EXPECT_TRUE(SameBits(weights->data, job->At(1, *weights->chunk).weights));
    EXPECT_EQ(weights->ledger->learning_rate, ToyJob::LearningRate(1));
  }
  EXPECT_EQ(chunks, job->plan().layout.chunk_count());
}

TEST_F(ShardTest, PreviousWeightsStayUntilTheFirstPushOfTheNextStep) {
  Make({});
  Begin();
  SayHello(kA);
  PushStep(kA, 1);
  const ChunkId chunk = Place(0).chunk;

  shard->OnPull(kA, Pull{.term = 1, .step = 0, .chunk = chunk});
  EXPECT_TRUE(SameBits(Last<Weights>(kA).data, job->At(0, chunk).weights));
  PushOne(kA, 2, Place(0), {0, 0});
  shard->OnPull(kA, Pull{.term = 1, .step = 0, .chunk = chunk});
  EXPECT_EQ(Last<State>(kA).chunks[0].applied, 1u) << "no longer kept";
  shard->OnPull(kA, Pull{.term = 1, .step = 1, .chunk = chunk});
  EXPECT_TRUE(SameBits(Last<Weights>(kA).data, job->At(1, chunk).weights));
}

TEST_F(ShardTest, WaitsForAllUsesOfAChunk) {
  Make({});
  Begin();
  SayHello(kA);
  const ChunkUse tied = *std::ranges::find_if(job->plan().layout.positions(), [&](const ChunkUse& place) {
    return job->plan().layout.chunk(place.chunk).uses == 2;
  });
  sent.clear();

  PushOne(kA, 1, {tied.chunk, 1}, Root());
  EXPECT_TRUE(std::ranges::none_of(sent, [](const auto& message) {
    const auto* weights = std::get_if<Weights>(&message.second);
    return weights != nullptr && weights->chunk.has_value();
  }));
  PushOne(kA, 1, {tied.chunk, 0}, Root());

  EXPECT_TRUE(SameBits(Last<Weights>(kA).data, job->At(1, tied.chunk).weights));
}

TEST_F(ShardTest, ABufferThatIsStillBeingSentIsNotReused) {
  Make({});
  Begin();
  SayHello(kA);
  PushStep(kA, 1);
  const auto kept = Last<Weights>(kA);  // a slow reader has weights @1
  sent.clear();
  PushStep(kA, 2);
  PushStep(kA, 3);

  EXPECT_TRUE(SameBits(kept.data, job->At(1, *kept.chunk).weights));
}

TEST_F(ShardTest, PushesBeyondTheWindowAreRefused) {
  max_pending = 3;  // two pool buffers a position: a window of one
  Make({.leaves = 8}, 2);
  Begin();
  SayHello(kA);
  ASSERT_EQ(Last<State>(kA).window_end, 1u);
  sent.clear();

  PushOne(kA, 1, Place(1), Root());
  EXPECT_EQ(Last<State>(kA).chunks[Place(1).use].covered.count(), 0u);
  PushOne(kA, 1, Place(0), Root());

  EXPECT_EQ(Last<Weights>(kA).window_end, 2u) << "a bare mark, or weights that carry it";
  PushOne(kA, 1, Place(1), Root());
  EXPECT_EQ(shard->Report().counters["partials_duplicate"], 1u);
}

TEST_F(ShardTest, ABareMarkTellsThatTheWindowHasMoved) {
  max_pending = 3;
  Make({.leaves = 8, .clip_norm = 0.01}, 2);
  Begin();
  SayHello(kA);
  sent.clear();

  PushOne(kA, 1, Place(0), Root());  // waits for the ledger: no weights

  const auto mark = Last<Weights>(kA);
  EXPECT_FALSE(mark.chunk.has_value());
  EXPECT_EQ(mark.window_end, 2u);
}

TEST_F(ShardTest, TheFirstPositionHasItsRoomWhateverTheOthersHold) {
  max_pending = 3;
  Make({.leaves = 16}, 4);  // two positions in the window, two pool buffers each
  Begin();
  SayHello(kA);
  // More of the second position than the plan allows: it gets its accumulator and two buffers, not the other two.
  for (uint32_t leaf : {1u, 5u, 9u, 11u, 13u, 15u}) PushOne(kA, 1, Place(1), {0, leaf});
  EXPECT_LE(shard->memory().pooled_in_use(), 2u);

  const uint64_t refused = shard->Report().counters["partials_refused"];
  for (uint32_t leaf : {1u, 5u, 9u}) PushOne(kA, 1, Place(0), {0, leaf});

  EXPECT_EQ(shard->Report().counters["partials_refused"], refused);
  EXPECT_LE(shard->memory().pooled_peak(), 4u);
}

TEST_F(ShardTest, TheFirstPositionTakesMoreThanWasAnnounced) {
  max_pending = 1;  // one worker has it all, but began its leaves under another assignment
  Make({.leaves = 13}, 0);
  Begin();
  SayHello(kA);

  for (const Node node : {Node{2, 0}, Node{1, 2}, Node{0, 6}, Node{0, 7}, Node{3, 1}}) PushOne(kA, 1, Place(0), node);

  EXPECT_EQ(shard->Report().counters["partials_refused"], 0u);
  EXPECT_EQ(shard->window().lo(), 1u) << "complete";
}

TEST_F(ShardTest, ANewTermClosesOldStreamsAndRefusesOldFrames) {
  Make({});
  Begin();
  SayHello(kA);
  PushStep(kA, 1);

  Begin(2, 0);

  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].first, kA);
  PushOne(kA, 1, Place(0), Root());  // late, of a closed stream
  EXPECT_TRUE(sent.empty());
  SayHello(kB, 2);
  EXPECT_EQ(Last<State>(kB).done_through, 0u);
  shard->OnPush(kB, job->PushOf(1, 1, Place(0).chunk, Place(0).use, Root()));
  ASSERT_EQ(closed.size(), 2u);
  EXPECT_EQ(closed[1].second.message(),
            "frame of term 1, the job is at term 2 here; open the stream again at its term");
  EXPECT_TRUE(shard->Report().entries.empty()) << "entries of term 1 are forgotten";
}

TEST_F(ShardTest, AHelloOfATermToComeWaitsForIt) {
  Make({});
  Begin();
  SayHello(kA, 2);
  EXPECT_TRUE(sent.empty());

  shard->OnOrder(Order(2));
  EXPECT_TRUE(sent.empty()) << "not restored yet";
  job->Fill(restores.back());
  shard->OnRestored(1, absl::OkStatus());  // of an older term
  EXPECT_TRUE(sent.empty());
  shard->OnRestored(2, absl::OkStatus());

  EXPECT_EQ(Last<State>(kA).term, 2u);
}

TEST_F(ShardTest, ObeysNoOlderCoordinatorOrTerm) {
  Make({});
  JobOrder order = Order(3);
  order.coordinator_term = 5;
  shard->OnOrder(order);
  restores.clear();

  order.term = 2;
  shard->OnOrder(order);
  order.term = 4;
  order.coordinator_term = 4;
  shard->OnOrder(order);

  EXPECT_TRUE(restores.empty());
  EXPECT_EQ(shard->term(), 3u);
}

TEST_F(ShardTest, ANewEpochIsToldByState) {
  Make({});
  Begin();
  SayHello(kA);
  sent.clear();

  JobOrder order = Order(1);
  order.map = job->Map(1, 1, 2);
  shard->OnOrder(order);

  const State state = Last<State>(kA);
  EXPECT_EQ(state.epoch, 2u);
  ASSERT_TRUE(state.map.has_value());
  EXPECT_EQ(state.map->epoch, 2u);
}

TEST_F(ShardTest, GatedChunksWaitForTheLedger) {
  Make({.clip_norm = 0.01});
  Begin();
  SayHello(kA);
  sent.clear();
  PushStep(kA, 1);
  EXPECT_EQ(committed.size(), job->plan().layout.chunk_count());
  EXPECT_EQ(shard->done_through(), 0u);

  const Ledger ledger{.step = 1, .weight = job->WeightOf(1), .loss = job->LossOf(1), .norm = job->NormOf(1)};
  shard->OnLedger(2, ledger);  // of another term
  EXPECT_EQ(shard->done_through(), 0u);
  shard->OnLedger(1, ledger);

  EXPECT_EQ(shard->done_through(), 1u);
  const auto weights = Last<Weights>(kA);
  EXPECT_TRUE(SameBits(weights.data, job->At(1, *weights.chunk).weights));
  shard->OnLedger(1, ledger);  // again
  EXPECT_EQ(shard->done_through(), 1u);
}

TEST_F(ShardTest, TheEvaluationChunkJumpsToItsNextStep) {
  Make({.leaves = 2, .steps = 3, .evaluate = true});  // weights @2 and @3: due in steps 3 and 4
  Begin();
  SayHello(kA);
  const ChunkUse e{job->plan().layout.evaluation_chunk(), 0};
  EXPECT_EQ(Last<State>(kA).chunks.back().applied, 2u);
  for (Step step = 1; step <= 3; ++step) PushStep(kA, step);
  EXPECT_EQ(shard->done_through(), 2u) << "step 3 holds e too";

  PushOne(kA, 3, e, Root());
  EXPECT_EQ(shard->done_through(), 3u);
  PushOne(kA, 4, e, Root());

  EXPECT_EQ(shard->done_through(), 4u);
  const std::vector<Entry> entries = shard->Report().entries;
  EXPECT_EQ(entries.back().step, 4u);
  EXPECT_EQ(entries.back().loss, job->LossOf(4));
}

TEST_F(ShardTest, EntriesStayUntilTheirLinesAreWritten) {
  Make({});
  Begin();
  SayHello(kA);
  PushStep(kA, 1);
  PushStep(kA, 2);
  const size_t chunks = job->plan().layout.chunk_count();
  EXPECT_EQ(shard->Report().entries.size(), 2 * chunks);
  EXPECT_TRUE(shard->Report().entries.empty());

  JobOrder order = Order(1);
  order.ledger_through = 1;
  shard->OnOrder(order);
  shard->OnSession();

  const std::vector<Entry> entries = shard->Report().entries;
  ASSERT_EQ(entries.size(), chunks);
  EXPECT_EQ(entries[0].step, 2u);
}

TEST_F(ShardTest, ANonFiniteGradientFailsTheJobAndNamesStepAndChunk) {
  for (double clip : {0.0, 1.0}) {
    Make({.clip_norm = clip});
    Begin();
    SayHello(kA);
    Push push = job->PushOf(1, 1, Place(0).chunk, Place(0).use, Root());
    std::vector<float> values(static_cast<size_t>(job->plan().layout.chunk(Place(0).chunk).element_count), 0.0f);
    values[5] = std::numeric_limits<float>::infinity();
    push.zero = false;
    push.data = Payload::Copy(std::as_bytes(std::span<const float>(values)));
    shard->OnPush(kA, push);
    for (const ChunkUse& place : job->plan().layout.positions()) PushOne(kA, 1, place, Root());

    const std::string failure = shard->Report().failure;
    EXPECT_NE(failure.find("step 1 is not finite in chunk 0"), std::string::npos) << failure;
    EXPECT_EQ(shard->done_through(), 0u);
  }
}

TEST_F(ShardTest, InputThatBreaksTheProtocolClosesItsStreamOnly) {
  Make({.leaves = 5});
  Begin();
  SayHello(kB);
  const Push good = job->PushOf(1, 1, Place(0).chunk, Place(0).use, {3, 0});
  const auto expect_closed = [&](Push push, const std::string& text) {
    closed.clear();
    SayHello(kA);
    shard->OnPush(kA, push);
    ASSERT_EQ(closed.size(), 1u) << text;
    EXPECT_NE(closed[0].second.message().find(text), absl::string_view::npos) << closed[0].second;
  };
  Push bad = good;
  bad.chunk = ChunkId(999);
  expect_closed(bad, "chunk 999 does not exist");
  bad = good;
  bad.use = 9;
  expect_closed(bad, "use 9: the chunk has");
  bad = good;
  bad.zero = false;
  bad.data = Payload::Copy(std::vector<std::byte>(12));
  expect_closed(bad, "has 12 bytes, expected");
  bad = good;
  bad.node = {0, 4};
  expect_closed(bad, "is for node (0,4), no node of the tree over 5 leaves");
  bad = good;
  bad.weight = -1;
  expect_closed(bad, "has weight -1");

  closed.clear();
  shard->OnPush(StreamId(77), good);  // a stream that never said Hello is not known
  shard->OnPush(kB, good);
  EXPECT_TRUE(closed.empty());
}

TEST_F(ShardTest, TellsWhoOwnsAChunkThatIsNotHere) {
  job = std::make_unique<ToyJob>(ToyJob::Options{});
  shard = std::make_unique<Shard>(job->ShardOptions(0, 0, 0), *this);
  JobOrder order = Order(1);
  order.map = job->Map(2, 1);
  shard->OnOrder(order);
  job->Fill(restores.back());
  shard->OnRestored(1, absl::OkStatus());
  SayHello(kA);

  shard->OnPull(kA, Pull{.term = 1, .step = 0, .chunk = ChunkId(1)});

  EXPECT_EQ(Last<Moved>(kA).primary, ServerId(101));
}

TEST_F(ShardTest, SaysWhoseLeavesItWaitsFor) {
  Make({.leaves = 8});
  Begin();
  const absl::Time start = absl::UnixEpoch() + absl::Hours(1);
  shard->OnTick(start);
  JobOrder order = Order(1);
  order.assignment->shares = {{WorkerId(5), {{2, 0}}}, {WorkerId(6), {{1, 2}}}};
  shard->OnOrder(order);
  SayHello(kA);
  PushOne(kA, 1, Place(0), {1, 0});

  EXPECT_TRUE(shard->Report().waits.empty());
  shard->OnTick(start + absl::Seconds(2));

  const JobReport report = shard->Report();
  ASSERT_EQ(report.waits.size(), 1u);
  EXPECT_EQ(report.waits[0].parties, (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(report.waits[0].detail,
            "leaves 2-3 of worker 5; leaves 4-5 of worker 6; leaves 6-7 of no worker are missing of chunk 0, use 1, "
            "step 1");
  EXPECT_EQ(report.waits[0].since, 3600);
  ASSERT_EQ(report.open.size(), 1u);
  EXPECT_EQ(report.open[0].missing.count(), 8u) << "other chunks lack all";
}

TEST_F(ShardTest, TakesCheckpointsBesideTraining) {
  Make({.steps = 3});  // due at 0 (initial), 2 and 3
  Begin();
  EXPECT_EQ(writes.size(), job->plan().layout.chunk_count());
  SayHello(kA);
  for (Step step = 1; step <= 3; ++step) PushStep(kA, step);

  for (const CheckpointWork& work : writes) {
    const ToyJob::State& state = job->At(work.step, work.chunk);
    EXPECT_TRUE(SameBits(work.weights, state.weights)) << work.step;
    for (size_t slot = 0; slot < work.slots.size(); ++slot) EXPECT_TRUE(SameBits(work.slots[slot], state.slots[slot]));
  }
  EXPECT_EQ(writes.size(), 3 * job->plan().layout.chunk_count());
}

TEST_F(ShardTest, AnOrderedCheckpointIsTakenNowOrWhenItsStepComesOrMissed) {
  Make({.steps = 9});
  Begin();
  SayHello(kA);
  const auto order_at = [&](Step step) {
    JobOrder order = Order(1);
    order.checkpoint_step = step;
    shard->OnOrder(order);
  };
  PushStep(kA, 1);
  writes.clear();

  order_at(1);
  EXPECT_EQ(writes.size(), job->plan().layout.chunk_count()) << "now";
  order_at(1);
  EXPECT_EQ(writes.size(), job->plan().layout.chunk_count()) << "once";
  order_at(3);
  for (Step step = 2; step <= 3; ++step) PushStep(kA, step);
  EXPECT_EQ(writes.back().step, 3u);
  PushStep(kA, 4);
  PushStep(kA, 5);
  EXPECT_TRUE(shard->Report().parts.empty());
  order_at(0);
  writes.clear();
  PushStep(kA, 6);
  PushStep(kA, 7);
  order_at(5);

  const std::vector<CheckpointPart> parts = shard->Report().parts;
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].step, 5u);
  EXPECT_TRUE(parts[0].missed);
}

TEST_F(ShardTest, KnowsWhatItWillTake) {
  Make({});
  const uint64_t needed = Shard::BytesNeeded(job->ShardOptions(0, 0, 0), job->Map(1, 1));

  Begin();

  // Restore works hold buffers that are counted.
  EXPECT_EQ(shard->memory().total_bytes(), needed);
}

// The coordinator is away: entries pile up until there is no room, and nothing is lost when it comes back.
TEST_F(ShardTest, WaitsWhenItMayKeepNoMoreEntries) {
  Make({.steps = 5});
  Shard::Options options = job->ShardOptions(0, 0, 100 * 4096 * sizeof(float));
  options.entry_bytes = 1;
  shard = std::make_unique<Shard>(options, *this);
  Begin();
  SayHello(kA);
  PushStep(kA, 1);
  EXPECT_EQ(shard->done_through(), 1u) << "a step that has begun is seen through";
  EXPECT_TRUE(shard->waits_for_lines());

  PushStep(kA, 2);
  shard->OnTick(absl::UnixEpoch() + absl::Seconds(7));
  EXPECT_EQ(shard->done_through(), 1u);
  const JobReport report = shard->Report();
  ASSERT_FALSE(report.waits.empty());
  EXPECT_EQ(report.waits[0].what, "lines");
  EXPECT_EQ(report.waits[0].since, 7);
  EXPECT_NE(report.waits[0].detail.find("from step 1 on"), std::string::npos) << report.waits[0].detail;

  sent.clear();
  JobOrder order = Order(1);
  order.ledger_through = 1;
  shard->OnOrder(order);
  EXPECT_EQ(shard->done_through(), 2u);
  EXPECT_EQ(Last<Weights>(kA).done_through, 2u);
}

}  // namespace
}  // namespace banyan::server
