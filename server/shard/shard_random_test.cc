// Whole clusters of shards and gates under random schedules: streams that break, messages that come late or again,
// roll-backs, checkpoints held up, against the values of ToyJob.

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/ledger/gate.h"
#include "server/ledger/gate_tensors.h"
#include "server/shard/shard.h"
#include "server/shard/toy_job.h"

namespace banyan::server {
namespace {

struct Layout {
  uint32_t servers = 2;
  uint32_t shards = 2;
  uint32_t workers = 3;
  size_t pool_buffers = 2;
  bool faults = true;
};

bool SameBits(const Payload& payload, const std::vector<float>& values) {
  if (payload.size() != values.size() * sizeof(float)) return false;
  return payload.empty() || std::memcmp(payload.ranges()[0].bytes.data(), values.data(), payload.size()) == 0;
}

class Cluster {
 public:
  Cluster(const ToyJob& job, const Layout& layout, uint32_t seed)
      : job_(job),
        layout_(layout),
        random_(seed),
        tree_(job.plan().leaves),
        map_(job.Map(layout.servers, layout.shards)) {
    for (uint32_t server = 0; server < layout.servers; ++server) {
      gates_.push_back(std::make_unique<GateHost>(*this, server));
      for (uint32_t shard = 0; shard < layout.shards; ++shard) {
        hosts_.push_back(std::make_unique<Host>(*this, server, shard));
      }
    }
    workers_.resize(layout.workers);
    for (Worker& worker : workers_) worker.peers.resize(hosts_.size());
    Deal();
    Order(1, 0);
  }

  // Runs until the job is done; false when it does not end.
  bool Run() {
    for (int event = 0; event < 200000; ++event) {
      if (Done()) return true;
      Event();
      if (testing::Test::HasFailure()) return false;
    }
    return false;
  }

  void ExpectEveryEntryOnce() {
    std::map<std::pair<Step, ChunkId>, Entry> entries;
    for (const auto& host : hosts_) {
      host->shard.OnSession();
      const JobReport report = host->shard.Report();
      EXPECT_EQ(report.failure, "");
      for (const Entry& entry : report.entries) {
        EXPECT_TRUE(entries.emplace(std::pair(entry.step, entry.chunk), entry).second);
        EXPECT_EQ(entry.term, term_);
        EXPECT_EQ(entry.weight, job_.WeightOf(entry.step));
        EXPECT_EQ(entry.loss, job_.LossOf(entry.step));
      }
    }
    for (Step step = point_ + 1; step <= job_.plan().last_step; ++step) {
      for (uint32_t chunk = 0; chunk < job_.plan().layout.chunk_count(); ++chunk) {
        EXPECT_TRUE(entries.contains({step, ChunkId(chunk)})) << "step " << step << " chunk " << chunk;
      }
    }
  }

 private:
  struct Host : ShardOutput {
    Host(Cluster& cluster, uint32_t server, uint32_t index)
        : cluster(cluster), server(server), shard(cluster.Options(server, index), *this) {}
    void Send(StreamId stream, ToWorker message) override { cluster.OnSent(stream, std::move(message)); }
    void Close(StreamId stream, const absl::Status& why) override {
      EXPECT_EQ(why.code(), absl::StatusCode::kFailedPrecondition) << why;
      cluster.BreakStream(stream);
    }
    void Restore(RestoreWork work) override { restores.push_back(std::move(work)); }
    void Committed(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                   double loss) override {
      if (term != cluster.term_) return;
      cluster.gates_[server]->commits.push_back({step, chunk, std::move(parts), weight, loss});
    }
    void WriteCheckpoint(CheckpointWork work) override { writes.push_back(std::move(work)); }

    Cluster& cluster;
    const uint32_t server;
    std::deque<RestoreWork> restores;
    std::deque<CheckpointWork> writes;
    std::map<std::pair<Term, Step>, size_t> written;
    Shard shard;
  };

  struct GateHost : GateOutput {
    struct Commit {
      Step step;
      ChunkId chunk;
      std::vector<SegmentSum> parts;
      double weight, loss;
    };
    GateHost(Cluster& cluster, uint32_t server)
        : cluster(cluster),
          server(server),
          gate({.self = ServerId(100 + server),
                .tensors = GateTensorsOf(cluster.job_.plan()),
                .ledger_chunk = cluster.job_.plan().layout.ledger_chunk()},
               *this) {}
    void SendSum(ServerId to, const Sum& sum) override { cluster.sums_.push_back({to.value() - 100, sum}); }
    void Decide(Term term, const Ledger& ledger) override {
      EXPECT_EQ(ledger.norm, cluster.job_.NormOf(ledger.step));
      for (const auto& host : cluster.hosts_) {
        if (host->server == server) host->shard.OnLedger(term, ledger);
      }
    }
    Cluster& cluster;
    const uint32_t server;
    std::deque<Commit> commits;
    Gate gate;
  };

  // A worker's stream to one shard, and what it knows by it. Both directions are queues.
  struct Peer {
    std::optional<StreamId> stream;
    std::deque<ToServer> to_server;
    std::deque<ToWorker> to_worker;
    bool heard = false;
    Step done = 0;
    uint32_t window_end = 0;
    std::set<std::tuple<Step, ChunkId, uint32_t, Node>> settled;
    std::map<std::pair<ChunkId, uint32_t>, State::Chunk> said;
  };
  struct Worker {
    std::vector<Node> nodes;
    std::vector<Peer> peers;
  };

  Shard::Options Options(uint32_t server, uint32_t shard) const {
    return job_.ShardOptions(server, shard, layout_.pool_buffers * 4096 * sizeof(float));
  }
  uint32_t Random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  uint32_t HostOf(ChunkId chunk) const {
    return map_.owners[chunk.value()].primary * layout_.shards + map_.ShardOf(chunk);
  }
  ChunkId Evaluation() const { return job_.plan().layout.evaluation_chunk(); }

  bool Done() const {
    for (const auto& host : hosts_) {
      if (host->shard.term() != term_ || host->shard.done_through() < job_.plan().last_protocol_step()) return false;
    }
    return std::ranges::all_of(hosts_, [](const auto& host) { return host->restores.empty() && host->writes.empty(); });
  }
  Step OpenStep() const {
    Step done = job_.plan().last_protocol_step();
    for (const auto& host : hosts_) done = std::min(done, host->shard.done_through());
    return done + 1;
  }

  // A random partition of the leaves, dealt to the workers.
  void Deal() {
    for (Worker& worker : workers_) worker.nodes.clear();
    for (const Node& node : RandomPartition(tree_, random_)) workers_[Random(layout_.workers)].nodes.push_back(node);
  }

  void Order(Term term, Step point) {
    term_ = term;
    point_ = point;
    JobOrder order{.coordinator_term = 1, .term = term, .restore = RestorePoint{.step = point}, .map = map_};
    order.assignment = Assignment{.version = 1, .max_pending = (job_.plan().leaves + 1) / 2};
    order.state = JobState::kRunning;
    for (const auto& gate : gates_) {
      gate->commits.clear();
      gate->gate.OnOrder(term, map_);
    }
    for (const auto& host : hosts_) host->shard.OnOrder(order);
    for (Worker& worker : workers_) {
      for (Peer& peer : worker.peers) Break(peer);
    }
  }

  void Event() {
    const uint32_t what = Random(layout_.faults ? 1000 : 970);
    if (what >= 997 && term_ < 3) return Order(term_ + 1, Random(static_cast<uint32_t>(OpenStep())));
    if (what >= 970) {
      Peer& peer = RandomPeer();
      if (peer.stream.has_value()) Lose(peer);
      return;
    }
    if (what >= 960) return Deal();
    if (what >= 900) return DoWork();
    if (what >= 800) return DoGate();
    if (what >= 780) return DoPull();
    Worker& worker = workers_[Random(layout_.workers)];
    const uint32_t host = Random(static_cast<uint32_t>(hosts_.size()));
    Peer& peer = worker.peers[host];
    if (!peer.stream.has_value()) return Open(peer);
    if (what >= 550 && !peer.to_worker.empty()) return Hear(peer);
    if (what >= 300 && !peer.to_server.empty()) return Deliver(*hosts_[host], peer);
    DoPush(worker);
  }

  Peer& RandomPeer() { return workers_[Random(layout_.workers)].peers[Random(static_cast<uint32_t>(hosts_.size()))]; }

  void Open(Peer& peer) {
    peer.stream = StreamId(++last_stream_);
    peer.to_server.push_back(Hello{.term = term_, .epoch = Random(2)});
  }

  void Break(Peer& peer) { peer = Peer(); }
  void BreakStream(StreamId stream) {
    if (Peer* peer = PeerOf(stream)) Break(*peer);
  }
  Peer* PeerOf(StreamId stream) {
    for (Worker& worker : workers_) {
      for (Peer& peer : worker.peers) {
        if (peer.stream == stream) return &peer;
      }
    }
    return nullptr;
  }

  // What is under way arrives late or not at all.
  void Lose(Peer& peer) {
    const StreamId stream = *peer.stream;
    std::deque<ToServer> late = std::move(peer.to_server);
    Host* host = nullptr;
    for (Worker& worker : workers_) {
      for (size_t i = 0; i < worker.peers.size(); ++i) {
        if (&worker.peers[i] == &peer) host = hosts_[i].get();
      }
    }
    Break(peer);
    const bool closed_first = Random(2) == 0;
    if (closed_first) host->shard.OnClosed(stream);
    if (Random(2) == 0) {
      for (const ToServer& message : late) Give(*host, stream, message);
    }
    if (!closed_first) host->shard.OnClosed(stream);
  }

  void Give(Host& host, StreamId stream, const ToServer& message) {
    if (const auto* hello = std::get_if<Hello>(&message)) host.shard.OnHello(stream, *hello);
    if (const auto* push = std::get_if<Push>(&message)) host.shard.OnPush(stream, *push);
    if (const auto* pull = std::get_if<Pull>(&message)) host.shard.OnPull(stream, *pull);
    EXPECT_LE(host.shard.memory().pooled_peak(),
              std::max<size_t>(layout_.pool_buffers, (job_.plan().leaves + 1) / 2 - 1));
  }

  void Deliver(Host& host, Peer& peer) {
    const ToServer message = std::move(peer.to_server.front());
    peer.to_server.pop_front();
    const StreamId stream = *peer.stream;
    const auto* pull = std::get_if<Pull>(&message);
    const bool kept = pull != nullptr && pull->step + 1 == OpenStep() && host.shard.term() == term_;
    const size_t before = peer.to_worker.size();
    Give(host, stream, message);
    if (kept && peer.heard && peer.to_worker.size() > before) {
      // Rule R6: weights of the step before stay until the open step is done everywhere.
      EXPECT_TRUE(std::holds_alternative<Weights>(peer.to_worker.back())) << "weights @" << pull->step;
    }
    if (Random(20) == 0 && std::holds_alternative<Push>(message)) peer.to_server.push_back(message);  // again
  }

  void OnSent(StreamId stream, ToWorker message) {
    if (Peer* peer = PeerOf(stream)) peer->to_worker.push_back(std::move(message));
  }

  void Hear(Peer& peer) {
    const ToWorker message = std::move(peer.to_worker.front());
    peer.to_worker.pop_front();
    ASSERT_FALSE(std::holds_alternative<Moved>(message));
    if (const auto* state = std::get_if<State>(&message)) {
      peer.heard = true;
      Mark(peer, state->done_through, state->window_end);
      for (const State::Chunk& chunk : state->chunks) {
        std::erase_if(peer.settled, [&](const auto& name) {
          return std::get<1>(name) == chunk.chunk && std::get<2>(name) == chunk.use;
        });
        peer.said.insert_or_assign({chunk.chunk, chunk.use}, chunk);
      }
      return;
    }
    const auto& weights = std::get<Weights>(message);
    EXPECT_EQ(weights.term, term_);
    Mark(peer, weights.done_through, weights.window_end);
    if (!weights.chunk.has_value() || *weights.chunk == Evaluation()) return;
    EXPECT_TRUE(SameBits(weights.data, job_.At(weights.step, *weights.chunk).weights))
        << "chunk " << *weights.chunk << " @" << weights.step;
    if (weights.step > point_) {
      ASSERT_TRUE(weights.ledger.has_value());
      EXPECT_EQ(weights.ledger->step, weights.step);
      EXPECT_EQ(weights.ledger->norm, job_.NormOf(weights.step));
    }
  }

  void Mark(Peer& peer, Step done, uint32_t window_end) {
    EXPECT_GE(done, peer.done);
    if (done == peer.done) {
      EXPECT_GE(window_end, peer.window_end) << "the window's end only rises within a step";
    }
    peer.done = done;
    peer.window_end = window_end;
  }

  // An honest worker: rules R2, R4 and R11.
  void DoPush(Worker& worker) {
    Step done = job_.plan().last_protocol_step();
    for (const Peer& peer : worker.peers) {
      if (!peer.heard) return;
      done = std::min(done, peer.done);
    }
    if (worker.nodes.empty() || done == job_.plan().last_protocol_step()) return;
    const Step step = done + 1;
    const Node node = worker.nodes[Random(static_cast<uint32_t>(worker.nodes.size()))];
    const auto positions = job_.plan().layout.positions();
    const size_t first = Random(static_cast<uint32_t>(positions.size() + 1));
    for (size_t i = 0; i <= positions.size(); ++i) {
      const size_t at = (first + i) % (positions.size() + 1);
      if (TryPush(worker, at == positions.size() ? ChunkUse{Evaluation(), 0} : positions[at], step, node)) return;
    }
  }

  bool TryPush(Worker& worker, ChunkUse place, Step step, Node node) {
    Peer& peer = worker.peers[HostOf(place.chunk)];
    if (place.chunk == Evaluation()) {
      if (!job_.plan().evaluation.has_value() || !job_.plan().evaluation->DueIn(step)) return false;
    } else if (step > job_.plan().last_step || peer.done + 1 != step || RankOf(place) >= peer.window_end) {
      return false;
    }
    const auto said = peer.said.find({place.chunk, place.use});
    if (said != peer.said.end() && said->second.applied + 1 == step &&
        said->second.covered.ContainsAll(tree_.Leaves(node))) {
      return false;
    }
    if (!peer.settled.insert({step, place.chunk, place.use, node}).second) return false;
    peer.to_server.push_back(job_.PushOf(term_, step, place.chunk, place.use, node));
    return true;
  }

  uint32_t RankOf(ChunkUse place) const {
    uint32_t rank = 0;
    for (const ChunkUse& other : job_.plan().layout.positions()) {
      if (other == place) return rank;
      if (HostOf(other.chunk) == HostOf(place.chunk)) ++rank;
    }
    return rank;
  }

  void DoPull() {
    Worker& worker = workers_[Random(layout_.workers)];
    const ChunkId chunk(Random(job_.plan().layout.chunk_count()));
    Peer& peer = worker.peers[HostOf(chunk)];
    const Step step = OpenStep() - Random(2);
    if (peer.heard && step <= job_.plan().last_step) {
      peer.to_server.push_back(Pull{.term = term_, .step = step, .chunk = chunk});
    }
  }

  void DoGate() {
    GateHost& gate = *gates_[Random(layout_.servers)];
    if (!gate.commits.empty() && Random(2) == 0) {
      const size_t at = Random(static_cast<uint32_t>(gate.commits.size()));
      const GateHost::Commit commit = gate.commits[at];
      gate.commits.erase(gate.commits.begin() + static_cast<std::ptrdiff_t>(at));
      gate.gate.OnCommitted(commit.step, commit.chunk, commit.parts, commit.weight, commit.loss);
      return;
    }
    if (Random(20) == 0) {
      for (const auto& host : gates_) host->gate.OnTick(now_ += absl::Seconds(1));
    }
    if (sums_.empty()) return;
    const size_t at = Random(static_cast<uint32_t>(sums_.size()));
    const auto [to, sum] = sums_[at];
    const uint32_t fate = Random(8);
    if (fate != 0 || !layout_.faults) sums_.erase(sums_.begin() + static_cast<std::ptrdiff_t>(at));  // or comes again
    if (fate == 1 && layout_.faults) return;                                                         // lost
    EXPECT_TRUE(gates_[to]->gate.OnSum(sum).ok());
  }

  void DoWork() {
    Host& host = *hosts_[Random(static_cast<uint32_t>(hosts_.size()))];
    if (!host.restores.empty()) {
      const RestoreWork work = std::move(host.restores.front());
      host.restores.pop_front();
      job_.Fill(work);
      host.shard.OnRestored(work.term, absl::OkStatus());
    } else if (!host.writes.empty()) {
      const CheckpointWork work = std::move(host.writes.front());
      host.writes.pop_front();
      const ToyJob::State& state = job_.At(work.step, work.chunk);
      EXPECT_TRUE(SameBits(work.weights, state.weights)) << "checkpoint @" << work.step;
      for (size_t i = 0; i < work.slots.size(); ++i) {
        EXPECT_TRUE(SameBits(work.slots[i], state.slots[i])) << "checkpoint @" << work.step;
      }
      if (++host.written[{work.term, work.step}] == work.part_chunks) {
        host.shard.OnCheckpointWritten(work.term, work.epoch, work.step, std::vector<CheckpointPart::Range>());
      }
    }
  }

  const ToyJob& job_;
  const Layout layout_;
  std::mt19937 random_;
  const Tree tree_;
  const ChunkMap map_;
  std::vector<std::unique_ptr<GateHost>> gates_;
  std::vector<std::unique_ptr<Host>> hosts_;  // server by server
  std::vector<Worker> workers_;
  std::deque<std::pair<uint64_t, Sum>> sums_;
  uint64_t last_stream_ = 0;
  Term term_ = 0;
  Step point_ = 0;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
};

void RunSeeds(const ToyJob::Options& options, const Layout& layout, uint32_t seeds) {
  const ToyJob job(options);
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Cluster cluster(job, layout, seed);
    ASSERT_TRUE(cluster.Run()) << "does not end";
    cluster.ExpectEveryEntryOnce();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ShardRandomTest, TwoServersUnderFaults) { RunSeeds({.leaves = 8}, {}, 500); }

TEST(ShardRandomTest, OneShardWithATightWindow) {
  RunSeeds({.leaves = 13}, {.servers = 1, .shards = 1, .workers = 4, .pool_buffers = 0}, 200);
}

TEST(ShardRandomTest, Clipping) { RunSeeds({.leaves = 6, .clip_norm = 0.01}, {.servers = 3, .shards = 1}, 400); }

TEST(ShardRandomTest, ClippingOverShards) { RunSeeds({.leaves = 3, .clip_norm = 0.01}, {.servers = 2}, 300); }

TEST(ShardRandomTest, Evaluation) { RunSeeds({.leaves = 4, .evaluate = true}, {}, 400); }

TEST(ShardRandomTest, EvaluationAndClipping) {
  RunSeeds({.leaves = 5, .steps = 5, .clip_norm = 0.01, .evaluate = true}, {.workers = 2}, 200);
}

// Without faults no State tells the window's end: bare marks do.
TEST(ShardRandomTest, ClippingWithATightWindow) {
  RunSeeds({.leaves = 8, .clip_norm = 0.01},
           {.servers = 1, .shards = 1, .workers = 2, .pool_buffers = 0, .faults = false}, 50);
}

TEST(ShardRandomTest, OneLeaf) { RunSeeds({.leaves = 1}, {.workers = 1}, 50); }

TEST(ShardRandomTest, AStepWithoutWeight) { RunSeeds({.leaves = 4, .weightless_step = 2}, {.faults = false}, 30); }

TEST(ShardRandomTest, AStepWithoutWeightAndClipping) {
  RunSeeds({.leaves = 4, .clip_norm = 0.01, .weightless_step = 2}, {.faults = false}, 30);
}

}  // namespace
}  // namespace banyan::server
