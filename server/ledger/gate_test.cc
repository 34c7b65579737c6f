#include "server/ledger/gate.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "common/reduce/norm.h"
#include "gtest/gtest.h"

namespace banyan::server {
namespace {

constexpr uint32_t kChunks = 6;
constexpr double kWeight = 16;

// Two tensors over six chunks: `b` has one segment in each of chunks 0..4, `a` a second one in chunk 4 and one in 5.
std::vector<GateTensor> Tensors() {
  GateTensor b{.name = "b"};
  for (uint32_t chunk = 0; chunk < 5; ++chunk) b.segments.push_back({.chunk = ChunkId(chunk), .index = 0});
  GateTensor a{.name = "a"};
  a.segments.push_back({.chunk = ChunkId(4), .index = 1});
  a.segments.push_back({.chunk = ChunkId(5), .index = 0});
  return {b, a};
}

double Square(uint32_t chunk, uint32_t segment, Step step) { return 1.0 / (1 + chunk * 3 + segment) + 0.1 * step; }

std::vector<SegmentSum> Parts(uint32_t chunk, Step step) {
  std::vector<SegmentSum> parts;
  for (uint32_t segment = 0; segment < (chunk == 4 ? 2u : 1u); ++segment) {
    parts.push_back({.chunk = ChunkId(chunk), .segment = segment, .sum_of_squares = Square(chunk, segment, step)});
  }
  return parts;
}

// By hand: each tensor's tree, then the tensors in order of name.
double ExpectedNorm(Step step) {
  const auto s = [step](uint32_t chunk, uint32_t segment) { return Square(chunk, segment, step); };
  const double a = s(4, 1) + s(5, 0);
  const double b = ((s(0, 0) + s(1, 0)) + (s(2, 0) + s(3, 0))) + s(4, 0);
  return std::sqrt(a + b) / kWeight;
}

// Servers whose sums travel by hand.
class GateTest : public testing::Test {
 protected:
  struct Server : GateOutput {
    void SendSum(ServerId to, const Sum& sum) override { test->wire.push_back({to, sum}); }
    void Decide(Term term, const Ledger& ledger) override {
      EXPECT_EQ(term, 1u);
      decided.push_back(ledger);
    }
    GateTest* test = nullptr;
    std::unique_ptr<Gate> gate;
    std::vector<Ledger> decided;
  };

  void Start(uint32_t count, Term term = 1) {
    servers = std::vector<Server>(count);
    map = {.epoch = 1};
    for (uint32_t i = 0; i < count; ++i) {
      map.servers.push_back({.id = ServerId(10 + i)});
      servers[i].test = this;
      servers[i].gate = std::make_unique<Gate>(
          Gate::Options{.self = ServerId(10 + i), .tensors = Tensors(), .ledger_chunk = ChunkId(2)}, servers[i]);
    }
    for (uint32_t chunk = 0; chunk <= kChunks; ++chunk) map.owners.push_back({.primary = chunk % count});
    for (Server& server : servers) server.gate->OnOrder(term, map);
  }

  void Commit(uint32_t chunk, Step step) {
    servers[chunk % servers.size()].gate->OnCommitted(step, ChunkId(chunk), Parts(chunk, step), kWeight, 2.5);
  }

  void Deliver(size_t at) {
    auto [to, sum] = wire[at];
    wire.erase(wire.begin() + static_cast<std::ptrdiff_t>(at));
    ASSERT_TRUE(servers[to.value() - 10].gate->OnSum(sum).ok());
  }

  void DeliverAll() {
    while (!wire.empty()) Deliver(0);
  }

  std::vector<Server> servers;
  ChunkMap map;
  std::vector<std::pair<ServerId, Sum>> wire;
};

TEST_F(GateTest, DecidesAloneWhereThereIsOneServer) {
  Start(1);

  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    EXPECT_TRUE(servers[0].decided.empty());
    Commit(chunk, 1);
  }

  ASSERT_EQ(servers[0].decided.size(), 1u);
  EXPECT_EQ(servers[0].decided[0].norm, ExpectedNorm(1));
  EXPECT_EQ(servers[0].decided[0].weight, kWeight);
  EXPECT_EQ(servers[0].decided[0].loss, 2.5);
  EXPECT_TRUE(wire.empty());
}

TEST_F(GateTest, SendsOneSumWhenAllItsChunksAreThere) {
  Start(3);

  Commit(0, 1);
  EXPECT_TRUE(wire.empty());
  Commit(3, 1);

  ASSERT_EQ(wire.size(), 2u);
  EXPECT_EQ(wire[0].second.parts.size(), 2u);
  EXPECT_FALSE(wire[0].second.weight.has_value()) << "server 2 has the ledger chunk";
}

TEST_F(GateTest, AllServersFixTheSameLedgerInEveryOrder) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Start(2 + seed % 2);
    std::vector<uint32_t> todo = {0, 1, 2, 3, 4, 5};
    std::shuffle(todo.begin(), todo.end(), random);
    while (!todo.empty() || !wire.empty()) {
      if (!todo.empty() && (wire.empty() || random() % 2 == 0)) {
        Commit(todo.back(), 1);
        if (random() % 4 != 0) todo.pop_back();  // or the same again
      } else {
        const size_t at = random() % wire.size();
        if (random() % 4 == 0) wire.push_back(wire[at]);  // repeated
        Deliver(at);
      }
    }
    for (const Server& server : servers) {
      ASSERT_EQ(server.decided.size(), 1u);
      EXPECT_EQ(server.decided[0].norm, ExpectedNorm(1));
    }
    EXPECT_EQ(servers[0].decided[0], servers[1].decided[0]);
  }
}

TEST_F(GateTest, AsksWhenASumIsLost) {
  Start(2);
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) Commit(chunk, 1);
  Deliver(0);    // server 1 knows all
  wire.clear();  // what it sent is lost
  ASSERT_EQ(servers[1].decided.size(), 1u);

  const absl::Time start = absl::UnixEpoch() + absl::Hours(1);
  servers[0].gate->OnTick(start);
  EXPECT_TRUE(wire.empty());
  EXPECT_TRUE(servers[0].gate->Waits().empty());
  servers[0].gate->OnTick(start + absl::Seconds(1));

  ASSERT_EQ(servers[0].gate->Waits().size(), 1u);
  EXPECT_EQ(servers[0].gate->Waits()[0].parties, std::vector<uint64_t>{11});
  DeliverAll();
  ASSERT_EQ(servers[0].decided.size(), 1u);
  EXPECT_EQ(servers[0].decided[0], servers[1].decided[0]);
  EXPECT_TRUE(servers[0].gate->Waits().empty());
}

// A chunk comes here with a root that is committed, others that were ahead of it; their sums were never heard here.
TEST_F(GateTest, AsksForSumsOfItsOwnChunksThatWereAppliedElsewhere) {
  Start(2);
  ChunkMap before = map;
  for (ChunkMap::Owner& owner : before.owners) owner.primary = 1;
  before.epoch = 0;
  for (Server& server : servers) server.gate->OnOrder(1, before);
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    servers[1].gate->OnCommitted(1, ChunkId(chunk), Parts(chunk, 1), kWeight, 2.5);
  }
  ASSERT_EQ(servers[1].decided.size(), 1u);
  wire.clear();  // lost
  for (Server& server : servers) server.gate->OnOrder(1, map);
  servers[0].gate->OnCommitted(1, ChunkId(0), Parts(0, 1), kWeight, 2.5);
  DeliverAll();
  EXPECT_TRUE(servers[0].decided.empty()) << "chunks 2 and 4 are its own now, and their sums are not here";

  servers[0].gate->OnTick(absl::UnixEpoch());
  servers[0].gate->OnTick(absl::UnixEpoch() + absl::Seconds(1));
  ASSERT_EQ(servers[0].gate->Waits().size(), 1u);
  EXPECT_TRUE(servers[0].gate->Waits()[0].parties.empty());
  DeliverAll();

  ASSERT_EQ(servers[0].decided.size(), 1u);
  EXPECT_EQ(servers[0].decided[0].norm, ExpectedNorm(1));
  EXPECT_TRUE(servers[0].gate->Waits().empty());
}

// It backs chunks up, and those wait for the ledger too.
TEST_F(GateTest, AsksWhereNoRootOfItsOwnWaits) {
  Start(3);
  map.epoch = 2;
  for (ChunkMap::Owner& owner : map.owners) owner.primary = std::max(owner.primary, 1u);
  for (Server& server : servers) server.gate->OnOrder(1, map);
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    servers[map.owners[chunk].primary].gate->OnCommitted(1, ChunkId(chunk), Parts(chunk, 1), kWeight, 2.5);
  }
  std::erase_if(wire, [](const auto& message) {  // lost
    return message.first == ServerId(10) && message.second.from == ServerId(12);
  });
  DeliverAll();
  EXPECT_TRUE(servers[0].decided.empty());

  servers[0].gate->OnTick(absl::UnixEpoch());
  servers[0].gate->OnTick(absl::UnixEpoch() + absl::Seconds(1));
  DeliverAll();

  ASSERT_EQ(servers[0].decided.size(), 1u);
  EXPECT_EQ(servers[0].decided[0].norm, ExpectedNorm(1));
}

TEST_F(GateTest, GivesTheLastTwoStepsToWhoeverConnects) {
  Start(2);
  for (Step step = 1; step <= 4; ++step) {
    for (uint32_t chunk = 0; chunk < kChunks; ++chunk) Commit(chunk, step);
    DeliverAll();
  }

  servers[0].gate->OnPeerOpened(ServerId(11));

  ASSERT_EQ(wire.size(), 2u);
  EXPECT_EQ(wire[0].second.step, 3u);
  EXPECT_EQ(wire[1].second.step, 4u);
  EXPECT_EQ(wire[1].second.parts.size(), 7u) << "the others' sums too: they may have died";
}

TEST_F(GateTest, RefusesSumsOfAnotherTerm) {
  Start(2);
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) Commit(chunk, 1);
  for (auto& [to, sum] : wire) sum.term = 2;

  DeliverAll();

  EXPECT_TRUE(servers[0].decided.empty());
}

TEST_F(GateTest, ANewTermForgetsTheOldSums) {
  Start(2);
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) Commit(chunk, 1);
  servers[0].gate->OnOrder(2, map);

  DeliverAll();  // of term 1

  EXPECT_TRUE(servers[0].decided.empty());
  EXPECT_EQ(servers[1].decided.size(), 1u);
}

TEST_F(GateTest, RefusesASegmentThatDoesNotExist) {
  Start(2);

  const absl::Status status = servers[0].gate->OnSum(
      {.term = 1, .step = 1, .from = ServerId(11), .parts = {{.chunk = ChunkId(4), .segment = 2}}});

  EXPECT_EQ(status.message(), "sum of step 1 from server 11 names segment 2 of chunk 4, which does not exist");
}

TEST_F(GateTest, AStepOfWeightZeroHasNormZero) {
  Start(1);

  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    servers[0].gate->OnCommitted(1, ChunkId(chunk), Parts(chunk, 1), 0, 0);
  }

  ASSERT_EQ(servers[0].decided.size(), 1u);
  EXPECT_EQ(servers[0].decided[0].norm, 0);
}

}  // namespace
}  // namespace banyan::server
