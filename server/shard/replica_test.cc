// A shard as primary and as backup, row by row of docs/protocol.md's table.

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/shard/shard.h"
#include "server/shard/toy_job.h"

namespace banyan::server {
namespace {

constexpr StreamId kWorker{1};
constexpr StreamId kLeader{2};

bool SameBits(const Payload& payload, const std::vector<float>& values) {
  std::vector<std::byte> bytes(payload.size());
  payload.CopyTo(bytes);
  return bytes.size() == values.size() * sizeof(float) && std::memcmp(bytes.data(), values.data(), bytes.size()) == 0;
}

// Server 100 of a job; server 101 is the test.
class ReplicaTest : public testing::Test, public ShardOutput {
 public:
  void Send(StreamId, ToWorker message) override { sent.push_back(std::move(message)); }
  void Close(StreamId, const absl::Status& why) override { closed.push_back(why); }
  void Restore(RestoreWork work) override { restores.push_back(std::move(work)); }
  void Committed(Term, Step, ChunkId chunk, std::vector<SegmentSum>, double, double) override {
    committed.push_back(chunk);
  }
  void WriteCheckpoint(CheckpointWork work) override { writes.push_back(std::move(work)); }
  void Connect(const std::vector<Followers::Link>& wanted) override { links = wanted; }
  void SendToFollower(const FollowerId&, ToBackup message) override { to_backup.push_back(std::move(message)); }
  void SendHeld(StreamId, Held message) override { held.push_back(std::move(message)); }

 protected:
  enum Who : uint32_t { kMe = 0, kOther = 1 };

  void Make(const ToyJob::Options& options) {
    job = std::make_unique<ToyJob>(options);
    shard = std::make_unique<Shard>(job->ShardOptions(0, 0, 1 << 20), *this);
  }
  // All chunks alike.
  ChunkMap Map(Epoch epoch, Who primary, std::vector<uint32_t> backups, std::vector<uint32_t> in_sync = {}) const {
    ChunkMap map = job->Map(2, 1, epoch);
    for (ChunkMap::Owner& owner : map.owners) owner = {.primary = primary, .backups = backups, .in_sync = in_sync};
    return map;
  }
  void Order(const ChunkMap& map, Term term = 1) {
    JobOrder order{.coordinator_term = 1, .term = term, .restore = RestorePoint{}, .map = map};
    order.assignment = Assignment{.version = 1, .max_pending = 1};
    shard->OnOrder(order);
  }
  void Begin(const ChunkMap& map, Term term = 1) {
    Order(map, term);
    job->Fill(restores.back());
    shard->OnRestored(term, absl::OkStatus());
    if (!links.empty()) shard->OnFollowerOpened(links[0].id);
    shard->OnHello(kWorker, Hello{.term = term});
    Forget();
  }
  void Forget() {
    sent.clear();
    to_backup.clear();
    held.clear();
  }
  void SayHeld(Epoch epoch, std::optional<Step> applied, Epoch root_epoch = 0) {
    Held message{.term = shard->term(), .epoch = epoch};
    for (uint32_t i = 0; i <= job->plan().layout.chunk_count(); ++i) {
      message.chunks.push_back({.chunk = ChunkId(i), .applied = applied, .root_epoch = root_epoch});
    }
    shard->OnHeld(links.at(0).id, message);
  }
  void SayHeldRoot(ChunkId chunk, Epoch epoch, Step applied) {
    shard->OnHeld(links.at(0).id, {.term = shard->term(),
                                   .epoch = epoch,
                                   .chunks = {{.chunk = chunk, .applied = applied, .root_epoch = epoch}}});
  }
  // A chunk with one use, whole.
  ChunkUse Place() const {
    return *std::ranges::find_if(job->plan().layout.positions(), [&](const ChunkUse& place) {
      return job->plan().layout.chunk(place.chunk).uses == 1;
    });
  }
  void PushWhole(Step step) {
    shard->OnPush(kWorker, job->PushOf(shard->term(), step, Place().chunk, 0, Tree(job->plan().leaves).root()));
  }
  void Lead(Epoch epoch, Term term = 1, uint64_t incarnation = 1) {
    shard->OnToBackup(kLeader, Greeting{.term = term,
                                        .epoch = epoch,
                                        .server = ServerId(101),
                                        .incarnation = Incarnation(incarnation)});
  }
  // The root as the other server's primary would have it.
  Root MakeRoot(Epoch epoch, Step step, Term term = 1) const {
    const Push push = job->PushOf(term, step, Place().chunk, 0, Tree(job->plan().leaves).root());
    Root root{.term = term, .epoch = epoch, .step = step, .chunk = Place().chunk, .weight = push.weight,
              .loss = push.loss, .data = push.data};
    if (push.zero) {
      const std::vector<float> zeros(job->At(0, root.chunk).weights.size());
      root.data = Payload::Copy(std::as_bytes(std::span(zeros)));
    }
    return root;
  }
  template <typename T, typename Variant>
  static std::vector<T> Of(const std::vector<Variant>& messages) {
    std::vector<T> found;
    for (const Variant& message : messages) {
      if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
    }
    return found;
  }
  // Weights that carry a chunk.
  std::vector<Weights> Served() const {
    std::vector<Weights> served = Of<Weights>(sent);
    std::erase_if(served, [](const Weights& weights) { return !weights.chunk.has_value(); });
    return served;
  }
  Held::Chunk LastHeld() const {
    for (const Held::Chunk& chunk : held.back().chunks) {
      if (chunk.chunk == Place().chunk) return chunk;
    }
    ADD_FAILURE() << "not named";
    return {};
  }

  std::unique_ptr<ToyJob> job;
  std::vector<ToWorker> sent;
  std::vector<absl::Status> closed;
  std::vector<RestoreWork> restores;
  std::vector<ChunkId> committed;
  std::vector<CheckpointWork> writes;
  std::vector<Followers::Link> links;
  std::vector<ToBackup> to_backup;
  std::vector<Held> held;
  std::unique_ptr<Shard> shard;
};

TEST_F(ReplicaTest, ARootIsServedWhenTheBackupHoldsIt) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  EXPECT_EQ(shard->Report().in_sync.size(), job->plan().layout.chunk_count());
  EXPECT_TRUE(shard->Report().in_sync.empty()) << "told once";

  PushWhole(1);
  ASSERT_EQ(Of<Root>(to_backup).size(), 1u);
  EXPECT_EQ(Of<Root>(to_backup)[0].step, 1u);
  EXPECT_TRUE(Served().empty());
  SayHeldRoot(Place().chunk, /*epoch=*/2, 0);
  EXPECT_TRUE(Served().empty()) << "a promise of another epoch";
  SayHeldRoot(Place().chunk, 1, 0);

  ASSERT_EQ(Served().size(), 1u);
  EXPECT_TRUE(SameBits(Served()[0].data, job->At(1, Place().chunk).weights));
}

TEST_F(ReplicaTest, AStepIsOpenUntilItsRootsAreHeld) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  for (const ChunkUse& place : job->plan().layout.positions()) {
    shard->OnPush(kWorker, job->PushOf(1, 1, place.chunk, place.use, Tree(job->plan().leaves).root()));
  }

  const JobReport report = shard->Report();
  ASSERT_EQ(report.open.size(), 1u);
  EXPECT_EQ(report.open[0].step, 1u);
  EXPECT_TRUE(report.open[0].missing.empty());
}

TEST_F(ReplicaTest, SaysWhichBackupItWaitsFor) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  PushWhole(1);
  const absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  shard->OnTick(now);
  EXPECT_TRUE(shard->Report().waits.empty());

  shard->OnTick(now + absl::Milliseconds(600));

  const std::vector<Wait> waits = shard->Report().waits;
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].what, "held");
  EXPECT_EQ(waits[0].parties, std::vector<uint64_t>({101}));
}

TEST_F(ReplicaTest, ABackupThatIsBehindGetsTheStateThenTheRoot) {
  Make({});
  Begin(Map(1, kMe, {}));
  PushWhole(1);
  ASSERT_EQ(Served().size(), 1u) << "no backups: committed at once";
  Order(Map(2, kMe, {kOther}));
  shard->OnFollowerOpened(links[0].id);
  EXPECT_EQ(Of<Greeting>(to_backup).back().epoch, 2u);
  Forget();

  shard->OnHeld(links[0].id, {.term = 1, .epoch = 2, .chunks = {{.chunk = Place().chunk}}});

  ASSERT_EQ(to_backup.size(), 1u);
  const auto state = std::get<ChunkState>(to_backup[0]);
  EXPECT_EQ(state.applied, 1u);
  EXPECT_TRUE(SameBits(state.weights, job->At(1, Place().chunk).weights));
  EXPECT_TRUE(SameBits(*state.previous, job->At(0, Place().chunk).weights));
  EXPECT_EQ(state.entries.size(), 1u);
  EXPECT_TRUE(shard->Report().in_sync.empty());
  shard->OnHeld(links[0].id, {.term = 1, .epoch = 2, .chunks = {{.chunk = Place().chunk, .applied = 1}}});
  EXPECT_EQ(shard->Report().in_sync.size(), 1u);
}

TEST_F(ReplicaTest, WhenTheBackupIsGoneTheCommitGoesOnAlone) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  PushWhole(1);
  ASSERT_TRUE(Served().empty());

  Order(Map(2, kMe, {}));

  EXPECT_EQ(Served().size(), 1u);
  EXPECT_TRUE(links.empty());
}

TEST_F(ReplicaTest, ANewEpochSendsTheRootAgain) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  PushWhole(1);
  Order(Map(2, kMe, {kOther}));
  Forget();

  SayHeld(2, 0, /*root_epoch=*/1);

  EXPECT_EQ(Of<Root>(to_backup).size(), 1u);
  EXPECT_TRUE(Served().empty()) << "what was held in the epoch before counts no more";
}

TEST_F(ReplicaTest, ABackupAnswersForWhatItHolds) {
  Make({});
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(LastHeld().applied, 0u);
  EXPECT_EQ(LastHeld().root_epoch, 0u);

  shard->OnToBackup(kLeader, MakeRoot(1, 1));
  EXPECT_EQ(LastHeld().applied, 0u) << "it is not known to be committed";
  EXPECT_EQ(LastHeld().root_epoch, 1u);
  shard->OnToBackup(kLeader, MakeRoot(1, 2));

  EXPECT_EQ(LastHeld().applied, 1u);
  EXPECT_EQ(shard->Report().entries.size(), 1u) << "rule R13: backups make entries too";
  EXPECT_TRUE(sent.empty());
}

TEST_F(ReplicaTest, ABackupObeysThePrimaryOfItsEpochOnly) {
  Make({});
  Begin(Map(2, kOther, {kMe}));
  Lead(2);
  Forget();

  shard->OnToBackup(kLeader, MakeRoot(1, 1));
  shard->OnToBackup(kLeader, MakeRoot(3, 1));
  shard->OnToBackup(kLeader, MakeRoot(2, 1, /*term=*/2));
  shard->OnToBackup(StreamId(9), MakeRoot(2, 1));
  Lead(2, 1, /*incarnation=*/7);
  shard->OnToBackup(kLeader, MakeRoot(2, 1));

  EXPECT_TRUE(held.empty());
  EXPECT_TRUE(closed.empty());
}

TEST_F(ReplicaTest, AStateOfAnotherEpochOrSenderIsNotTaken) {
  Make({});
  Begin(Map(1, kMe, {}));
  PushWhole(1);
  Order(Map(2, kMe, {kOther}));
  shard->OnFollowerOpened(links[0].id);
  shard->OnHeld(links[0].id, {.term = 1, .epoch = 2, .chunks = {{.chunk = Place().chunk}}});
  auto state = std::get<ChunkState>(to_backup.back());
  shard = std::make_unique<Shard>(job->ShardOptions(0, 0, 1 << 20), *this);
  Begin(Map(2, kOther, {kMe}));
  Lead(2);
  Forget();

  for (const Epoch epoch : {1, 3}) {
    state.epoch = epoch;
    shard->OnToBackup(kLeader, state);
  }
  state.epoch = 2;
  shard->OnToBackup(StreamId(9), state);
  EXPECT_TRUE(held.empty());

  shard->OnToBackup(kLeader, state);
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(LastHeld().applied, 1u);
}

// The coordinator would not give them to it, either.
TEST_F(ReplicaTest, ChunksOfAnotherLifeOfItsServerAreNotItsOwn) {
  Make({});
  ChunkMap map = Map(1, kMe, {kOther});
  map.servers[kMe].incarnation = Incarnation(99);
  Begin(map);

  shard->OnHello(StreamId(5), Hello{.term = 1, .epoch = 1});
  EXPECT_TRUE(Of<State>(sent).back().chunks.empty());
  EXPECT_TRUE(links.empty());
}

TEST_F(ReplicaTest, ABackupIsPromotedWithTheRootThatItHolds) {
  Make({});
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  shard->OnToBackup(kLeader, MakeRoot(1, 1));
  Forget();

  Order(Map(2, kMe, {}));

  ASSERT_EQ(Served().size(), 1u) << "the root counts: committed, applied";
  shard->OnHello(StreamId(5), Hello{.term = 1, .epoch = 2});
  const State state = Of<State>(sent).back();
  EXPECT_EQ(state.epoch, 2u);
  for (const State::Chunk& chunk : state.chunks) {
    EXPECT_EQ(chunk.applied, chunk.chunk == Place().chunk ? 1u : chunk.applied);
  }
  shard->OnPull(StreamId(5), Pull{.term = 1, .step = 0, .chunk = Place().chunk});
  EXPECT_TRUE(SameBits(Served().back().data, job->At(0, Place().chunk).weights)) << "rule R6";
  shard->OnPull(StreamId(5), Pull{.term = 1, .step = 1, .chunk = Place().chunk});
  EXPECT_TRUE(SameBits(Served().back().data, job->At(1, Place().chunk).weights));
}

TEST_F(ReplicaTest, APromotedRootIsCoveredUntilTheNewBackupHoldsIt) {
  Make({});
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  shard->OnToBackup(kLeader, MakeRoot(1, 1));
  Order(Map(2, kMe, {kOther}));
  shard->OnFollowerOpened(links.at(0).id);
  Forget();

  PushWhole(1);
  EXPECT_TRUE(Of<State>(sent).back().chunks[0].covered.full());
  EXPECT_TRUE(Served().empty());
  SayHeld(2, 0);
  ASSERT_EQ(Of<Root>(to_backup).size(), 1u);
  SayHeldRoot(Place().chunk, 2, 0);

  EXPECT_EQ(Served().size(), 1u);
}

TEST_F(ReplicaTest, TheWindowPassesByACopyThatIsAhead) {
  Make({});
  shard = std::make_unique<Shard>(job->ShardOptions(0, 0, /*pool_bytes=*/1), *this);
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  shard->OnToBackup(kLeader, MakeRoot(1, 1));
  shard->OnToBackup(kLeader, MakeRoot(1, 2));
  Order(Map(2, kMe, {}));
  JobOrder order{.coordinator_term = 1, .term = 1};
  order.assignment = Assignment{.version = 2, .max_pending = 2};
  shard->OnOrder(order);

  for (Step step = 1; step <= 2; ++step) {
    for (const ChunkUse& place : job->plan().layout.positions()) {
      if (place == Place()) continue;
      shard->OnPush(kWorker, job->PushOf(1, step, place.chunk, place.use, Tree(job->plan().leaves).root()));
    }
    EXPECT_EQ(shard->done_through(), step);
  }
}

// It may be the only one that holds it: what was served with it must not be lost with the new primary.
TEST_F(ReplicaTest, APrimaryThatBecomesBackupKeepsItsRoot) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  PushWhole(1);
  Order(Map(2, kOther, {kMe}, {kMe}));
  Lead(2);

  EXPECT_EQ(LastHeld().applied, 0u);
  EXPECT_EQ(LastHeld().root_epoch, 1u) << "no answer to a root of the new primary's";
  Forget();
  PushWhole(1);
  EXPECT_EQ(Of<Moved>(sent).size(), 1u);

  Order(Map(3, kMe, {}));
  ASSERT_EQ(Served().size(), 1u);
  EXPECT_TRUE(SameBits(Served()[0].data, job->At(1, Place().chunk).weights));
}

TEST_F(ReplicaTest, APrimaryThatBecomesBackupForgetsItsPartials) {
  Make({});
  Begin(Map(1, kMe, {}));
  shard->OnPush(kWorker, job->PushOf(1, 1, Place().chunk, 0, Tree(job->plan().leaves).Leaf(0)));
  Order(Map(2, kOther, {kMe}, {kMe}));
  Lead(2);
  EXPECT_EQ(LastHeld().applied, 0u);
  EXPECT_EQ(LastHeld().root_epoch, 0u);

  Order(Map(3, kMe, {}));
  shard->OnHello(StreamId(5), Hello{.term = 1, .epoch = 3});
  const State state = Of<State>(sent).back();
  for (const State::Chunk& chunk : state.chunks) EXPECT_EQ(chunk.covered.count(), 0u);
  PushWhole(1);
  ASSERT_EQ(Served().size(), 2u) << "one a stream";
  EXPECT_TRUE(SameBits(Served()[0].data, job->At(1, Place().chunk).weights));
}

TEST_F(ReplicaTest, APrimaryThatBecameBackupAndMissedAnEpochHoldsNothing) {
  Make({});
  Begin(Map(1, kMe, {kOther}));
  SayHeld(1, 0);
  PushWhole(1);
  Order(Map(3, kOther, {kMe}));
  Lead(3);
  EXPECT_FALSE(LastHeld().applied.has_value()) << "others may have made another root meanwhile";
}

TEST_F(ReplicaTest, ACopyThatMissedAnEpochAndIsNotInSyncHoldsNothing) {
  Make({});
  Begin(Map(1, kOther, {kMe}));
  Order(Map(2, kOther, {kMe}));
  Lead(2);
  EXPECT_TRUE(LastHeld().applied.has_value());

  Order(Map(4, kOther, {kMe}, {kMe}));
  EXPECT_TRUE(LastHeld().applied.has_value()) << "in sync all the while";
  Order(Map(6, kOther, {kMe}));
  EXPECT_FALSE(LastHeld().applied.has_value());

  shard->OnToBackup(kLeader, MakeRoot(6, 1));
  EXPECT_FALSE(LastHeld().applied.has_value()) << "a root is nothing without the state before";
}

TEST_F(ReplicaTest, AGatedBackupAppliesWithTheLedgerOrTheNextRoot) {
  Make({.clip_norm = 0.01});
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  const Ledger first{.step = 1, .weight = job->WeightOf(1), .loss = job->LossOf(1), .norm = job->NormOf(1)};
  shard->OnToBackup(kLeader, MakeRoot(1, 1));

  shard->OnLedger(1, first);
  EXPECT_EQ(shard->Report().entries.size(), 1u);
  EXPECT_TRUE(committed.empty()) << "sums come from primaries";
  shard->OnToBackup(kLeader, MakeRoot(1, 2));
  EXPECT_EQ(LastHeld().applied, 1u);
  Root third = MakeRoot(1, 3);
  third.before = Ledger{.step = 2, .weight = job->WeightOf(2), .loss = job->LossOf(2), .norm = job->NormOf(2)};
  shard->OnToBackup(kLeader, third);
  EXPECT_EQ(LastHeld().applied, 2u) << "without the sums of step 2";
}

TEST_F(ReplicaTest, ARootThatTheLedgerAppliedMeanwhileIsAnswered) {
  Make({.clip_norm = 0.01});
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  shard->OnToBackup(kLeader, MakeRoot(1, 1));
  Order(Map(2, kOther, {kMe}));
  Lead(2);
  EXPECT_EQ(LastHeld().root_epoch, 1u) << "so it will be sent again";
  shard->OnLedger(1, {.step = 1, .weight = job->WeightOf(1), .loss = job->LossOf(1), .norm = job->NormOf(1)});
  Forget();

  shard->OnToBackup(kLeader, MakeRoot(2, 1));

  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(LastHeld().applied, 1u);
}

TEST_F(ReplicaTest, ANewTermForgetsEverything) {
  Make({});
  Begin(Map(1, kOther, {kMe}));
  Lead(1);
  shard->OnToBackup(kLeader, MakeRoot(1, 1));

  Begin(Map(2, kOther, {kMe}), /*term=*/2);
  Lead(2, 2);

  EXPECT_EQ(held.back().term, 2u);
  EXPECT_EQ(LastHeld().root_epoch, 0u);
}

TEST_F(ReplicaTest, PartsOfCheckpointsBeginAnewWithAMap) {
  Make({});
  Begin(Map(1, kOther, {kMe}));
  EXPECT_TRUE(writes.empty()) << "a backup writes none";

  Order(Map(2, kMe, {}));

  ASSERT_EQ(writes.size(), job->plan().layout.chunk_count());
  EXPECT_EQ(writes[0].epoch, 2u);
  shard->OnCheckpointWritten(1, 1, 0, std::vector<CheckpointPart::Range>());
  EXPECT_TRUE(shard->Report().parts.empty());
  shard->OnCheckpointWritten(1, 2, 0, std::vector<CheckpointPart::Range>());
  EXPECT_EQ(shard->Report().parts.size(), 1u);
}

TEST_F(ReplicaTest, APartThatBeginsAnewInTheMiddleOfTheNextStepIsMissed) {
  Make({});
  Begin(Map(1, kMe, {}));
  JobOrder stop{.coordinator_term = 1, .term = 1, .map = Map(1, kMe, {}), .checkpoint_step = 1};
  shard->OnOrder(stop);
  for (const ChunkUse& place : job->plan().layout.positions()) {
    shard->OnPush(kWorker, job->PushOf(1, 1, place.chunk, place.use, Tree(job->plan().leaves).root()));
  }
  PushWhole(2);
  writes.clear();

  stop.map = Map(2, kMe, {});
  shard->OnOrder(stop);

  EXPECT_TRUE(std::ranges::none_of(writes, [](const CheckpointWork& work) { return work.step == 1; }))
      << "of the chunks that still stand there";
  const std::vector<CheckpointPart> parts = shard->Report().parts;
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_TRUE(parts[0].missed);
  EXPECT_EQ(parts[0].epoch, 2u);
}

}  // namespace
}  // namespace banyan::server
