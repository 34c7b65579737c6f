// Shards that are each other's backups under random schedules: servers die and come back empty, are suspected wrongly,
// chunks move, streams break, maps and reports come late, in jobs with and without clipping. Toy workers hold one
// version of the weights and compute anew what they are asked for, so nothing may be lost that they cannot make again.
//
// With `authors` every computation of a partial gives another value, and still all must see one value of each chunk and
// step: that is what protects jobs whose partials are no functions of their names (rules R5, R8, R9, R10).

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/ledger/gate.h"
#include "server/ledger/gate_tensors.h"
#include "server/shard/shard.h"
#include "server/shard/toy_job.h"

namespace banyan::server {
namespace {

struct Profile {
  uint32_t servers = 3;
  uint32_t workers = 2;
  uint32_t backups = 1;
  uint32_t deaths = 2;
  bool authors = false;
};

std::string BytesOf(const Payload& payload) {
  std::string bytes;
  for (const Payload::Range& range : payload.ranges()) {
    bytes.append(reinterpret_cast<const char*>(range.bytes.data()), range.bytes.size());
  }
  return bytes;
}

class Cluster {
 public:
  Cluster(const ToyJob& job, const Profile& profile, uint32_t seed)
      : job_(job), profile_(profile), random_(seed), tree_(job.plan().leaves) {
    for (uint32_t i = 0; i < profile.servers; ++i) lives_.push_back(MakeLife(i));
    workers_.resize(profile.workers);
    for (Worker& worker : workers_) worker.held.resize(job.plan().layout.chunk_count());
    Deal();
    for (uint32_t i = 0; i < profile.servers; ++i) members_.insert(i);
    BeginTerm();
  }

  bool Run() {
    for (int event = 0; event < 60000; ++event) {
      if (Done()) return true;
      Event(event);
      if (testing::Test::HasFailure()) return false;
    }
    return false;
  }

  void ExpectEveryEntry() {
    std::map<std::pair<Step, ChunkId>, Entry> entries;
    for (const auto& life : lives_) {
      life->shard.OnSession();
      for (const Entry& entry : life->shard.Report().entries) {
        if (entry.term != term_) continue;
        const auto [known, fresh] = entries.emplace(std::pair(entry.step, entry.chunk), entry);
        if (!fresh && !profile_.authors) {
          EXPECT_EQ(known->second, entry) << "copies differ";
        }
      }
    }
    for (Step step = 1; step <= job_.plan().last_step; ++step) {
      for (uint32_t chunk = 0; chunk < job_.plan().layout.chunk_count(); ++chunk) {
        EXPECT_TRUE(entries.contains({step, ChunkId(chunk)})) << "step " << step << " chunk " << chunk;
      }
    }
  }

  uint64_t promotions() const { return promotions_; }
  Term term() const { return term_; }

 private:
  // A stream of a primary's shard to a backup's.
  struct Link {
    StreamId stream;
    std::deque<ToBackup> to_backup;
    std::deque<Held> to_primary;
  };
  struct Life : ShardOutput, GateOutput {
    Life(Cluster& cluster, uint32_t index, Incarnation incarnation)
        : cluster(cluster),
          index(index),
          incarnation(incarnation),
          gate({.self = ServerId(100 + index),
                .tensors = GateTensorsOf(cluster.job_.plan()),
                .ledger_chunk = cluster.job_.plan().layout.ledger_chunk()},
               *this),
          shard(cluster.Options(index, incarnation), *this) {}

    void Send(StreamId stream, ToWorker message) override { cluster.OnSent(stream, std::move(message)); }
    void Close(StreamId stream, const absl::Status& why) override {
      EXPECT_EQ(why.code(), absl::StatusCode::kFailedPrecondition) << why;
      cluster.BreakExchange(stream);
    }
    void Restore(RestoreWork work) override { restores.push_back(std::move(work)); }
    void Committed(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                   double loss) override {
      commits.push_back({term, step, chunk, std::move(parts), weight, loss});
    }
    void WriteCheckpoint(CheckpointWork) override {}
    void Connect(const std::vector<Followers::Link>& wanted) override {
      wanted_links.clear();
      for (const Followers::Link& link : wanted) wanted_links.insert(link.id);
      std::erase_if(links, [this](const auto& link) { return !wanted_links.contains(link.first); });
    }
    void SendToFollower(const FollowerId& to, ToBackup message) override {
      const auto link = links.find(to);
      if (link != links.end()) link->second.to_backup.push_back(std::move(message));
    }
    void SendHeld(StreamId stream, Held held) override { cluster.OnHeldSent(stream, std::move(held)); }
    void SendSum(ServerId to, const Sum& sum) override { cluster.sums_.push_back({to.value() - 100, sum}); }
    void Decide(Term term, const Ledger& ledger) override {
      cluster.CheckLedger(term, ledger);
      shard.OnLedger(term, ledger);
    }

    struct Commit {
      Term term;
      Step step;
      ChunkId chunk;
      std::vector<SegmentSum> parts;
      double weight, loss;
    };
    Cluster& cluster;
    const uint32_t index;
    const Incarnation incarnation;
    std::deque<RestoreWork> restores;
    std::deque<Commit> commits;
    std::set<FollowerId> wanted_links;
    std::map<FollowerId, Link> links;
    std::deque<JobReport> reports;
    Epoch heard_epoch = 0;
    Gate gate;
    Shard shard;
  };

  struct Peer {
    Life* life = nullptr;
    StreamId stream;
    std::deque<ToServer> to_server;
    std::deque<ToWorker> to_worker;
    std::optional<std::pair<Epoch, Step>> mark;
    uint32_t window_end = 0;
    std::set<std::tuple<Step, ChunkId, uint32_t, Node>> settled;
    std::map<std::pair<ChunkId, uint32_t>, State::Chunk> said;
  };
  struct Worker {
    Term term = 0;
    ChunkMap map;
    std::vector<Node> nodes;
    std::vector<std::optional<Step>> held;
    std::map<Incarnation, Peer> peers;
  };

  Shard::Options Options(uint32_t server, Incarnation incarnation) const {
    Shard::Options options = job_.ShardOptions(server, 0, 4 * 4096 * sizeof(float));
    options.incarnation = incarnation;
    return options;
  }
  std::unique_ptr<Life> MakeLife(uint32_t index) {
    return std::make_unique<Life>(*this, index, Incarnation(++last_incarnation_));
  }
  uint32_t Random(size_t n) { return static_cast<uint32_t>(random_() % n); }
  ChunkId Evaluation() const { return job_.plan().layout.evaluation_chunk(); }
  Life* FindLife(Incarnation incarnation) {
    for (const auto& life : lives_) {
      if (life->incarnation == incarnation) return life.get();
    }
    return nullptr;
  }

  bool Done() const {
    for (const ChunkMap::Server& server : map_.servers) {
      for (const auto& life : lives_) {
        if (life->incarnation != server.incarnation) continue;
        if (life->shard.term() != term_ || !life->restores.empty() || life->heard_epoch != map_.epoch) return false;
        if (life->shard.done_through() < job_.plan().last_protocol_step()) return false;
      }
    }
    return true;
  }

  // ---- The coordinator.

  void NumberServers(const ChunkMap& before) {
    map_.servers.clear();
    for (const uint32_t index : members_) {
      map_.servers.push_back({.id = ServerId(100 + index), .incarnation = lives_[index]->incarnation, .shards = 1});
    }
    const auto renumber = [&](uint32_t old) -> std::optional<uint32_t> {
      for (uint32_t i = 0; i < map_.servers.size(); ++i) {
        if (map_.servers[i].id == before.servers[old].id &&
            map_.servers[i].incarnation == before.servers[old].incarnation) {
          return i;
        }
      }
      return std::nullopt;
    };
    for (ChunkMap::Owner& owner : map_.owners) {
      const auto all = [&](std::vector<uint32_t> old) {
        std::vector<uint32_t> fresh;
        for (const uint32_t i : old) {
          if (const auto now = renumber(i)) fresh.push_back(*now);
        }
        return fresh;
      };
      const std::vector<uint32_t> primary = all({owner.primary});
      owner.backups = all(owner.backups);
      owner.in_sync = all(owner.in_sync);
      if (!primary.empty()) {
        owner.primary = primary[0];
      } else if (!owner.in_sync.empty()) {
        owner.primary = owner.in_sync[0];
        std::erase(owner.in_sync, owner.primary);
        std::erase(owner.backups, owner.primary);
        ++promotions_;
      } else {
        lost_ = true;
      }
    }
  }

  void BeginTerm() {
    ++term_;
    const Epoch epoch = map_.epoch + 1;
    map_ = {.epoch = epoch};
    NumberServers(map_);
    const auto count = static_cast<uint32_t>(map_.servers.size());
    for (uint32_t chunk = 0; chunk <= job_.plan().layout.chunk_count(); ++chunk) {
      ChunkMap::Owner owner{.primary = chunk % count};
      for (uint32_t i = 1; i <= profile_.backups && i < count; ++i) owner.backups.push_back((chunk + i) % count);
      map_.owners.push_back(owner);
    }
    served_.clear();
    ledgers_.clear();
  }

  void ChangeMap() {
    const ChunkMap before = map_;
    ++map_.epoch;
    NumberServers(before);
    if (!std::exchange(lost_, false)) return;
    ++rollbacks_;
    BeginTerm();
  }

  void Rebuild() {
    bool changed = false;
    const auto count = static_cast<uint32_t>(map_.servers.size());
    for (ChunkMap::Owner& owner : map_.owners) {
      if (owner.backups.size() >= profile_.backups || Random(3) == 0) continue;
      const uint32_t candidate = Random(count);
      if (candidate == owner.primary || std::ranges::find(owner.backups, candidate) != owner.backups.end()) continue;
      owner.backups.push_back(candidate);
      changed = true;
    }
    if (changed) ++map_.epoch;
  }

  // The last act of a move.
  void Move() {
    ChunkMap::Owner& owner = map_.owners[Random(map_.owners.size())];
    if (owner.in_sync.empty()) return;
    const uint32_t old = std::exchange(owner.primary, owner.in_sync[0]);
    std::erase(owner.backups, owner.primary);
    std::erase(owner.in_sync, owner.primary);
    if (Random(2) == 0) owner.backups.push_back(old);
    ++map_.epoch;
  }

  void TakeReport(const Life& life, const JobReport& report) {
    if (report.term != term_ || report.epoch != map_.epoch) return;
    EXPECT_EQ(report.failure, "");
    for (const InSync& news : report.in_sync) {
      ChunkMap::Owner& owner = map_.owners[news.chunk.value()];
      if (map_.servers[owner.primary].incarnation != life.incarnation) continue;
      for (const uint32_t backup : owner.backups) {
        if (map_.servers[backup].incarnation != news.incarnation) continue;
        if (std::ranges::find(owner.in_sync, backup) == owner.in_sync.end()) owner.in_sync.push_back(backup);
      }
    }
  }

  void GiveOrder(Life& life) {
    if (!members_.contains(life.index)) return;
    JobOrder order{.coordinator_term = 1, .term = term_, .restore = RestorePoint{.step = 0}, .map = map_};
    order.assignment = Assignment{.version = 1, .max_pending = (job_.plan().leaves + 1) / 2};
    order.state = JobState::kRunning;
    if (life.shard.term() != term_) life.commits.clear();
    life.gate.OnOrder(term_, map_);
    life.shard.OnOrder(order);
    if (life.heard_epoch == map_.epoch) return;
    life.heard_epoch = map_.epoch;
    for (const ChunkMap::Server& server : map_.servers) {
      if (server.id.value() != 100 + life.index) life.gate.OnPeerOpened(server.id);
    }
  }

  // ---- Faults.

  void Kill(uint32_t index) {
    Life& life = *lives_[index];
    for (Worker& worker : workers_) worker.peers.erase(life.incarnation);
    for (const auto& other : lives_) {
      for (auto link = other->links.begin(); link != other->links.end();) {
        const FollowerId id = link->first;
        const bool broken = id.incarnation == life.incarnation;
        link = broken ? other->links.erase(link) : std::next(link);
        if (broken) other->shard.OnFollowerClosed(id);
      }
    }
    for (const auto& [id, link] : life.links) {
      if (Life* backup = FindLife(id.incarnation)) backup->shard.OnClosed(link.stream);
    }
    dead_.push_back(std::move(lives_[index]));
    lives_[index] = MakeLife(index);
    members_.erase(index);
    if (members_.empty()) members_.insert(index);
    ChangeMap();
  }

  void Suspect(uint32_t index) {
    if (members_.size() < 2 || members_.erase(index) == 0) return;
    ChangeMap();
  }

  void BreakLink(Life& life) {
    if (life.links.empty()) return;
    auto link = life.links.begin();
    std::advance(link, Random(life.links.size()));
    const FollowerId id = link->first;
    Life* const backup = FindLife(id.incarnation);
    const StreamId stream = link->second.stream;
    const std::deque<ToBackup> late = std::move(link->second.to_backup);
    life.links.erase(link);
    life.shard.OnFollowerClosed(id);
    if (backup == nullptr) return;
    if (Random(2) == 0) {
      for (const ToBackup& message : late) backup->shard.OnToBackup(stream, message);
    }
    backup->shard.OnClosed(stream);
  }

  // ---- Events.

  void Event(int count) {
    const uint32_t what = Random(1000);
    Life& life = *lives_[Random(lives_.size())];
    if (what >= 998 && deaths_ < profile_.deaths && count > 100) {
      ++deaths_;
      return Kill(life.index);
    }
    if (what >= 996 && deaths_ < profile_.deaths) {
      ++deaths_;
      return Suspect(life.index);
    }
    if (what >= 992) return Move();
    if (what >= 988) return BreakLink(life);
    if (what >= 984) return Deal();
    if (what >= 975) {
      if (members_.contains(life.index)) return Rebuild();
      members_.insert(life.index);
      return ChangeMap();
    }
    if (what >= 930) return GiveOrder(life);
    if (what >= 900) return life.reports.push_back(life.shard.Report());
    if (what >= 870 && !life.reports.empty()) {
      if (members_.contains(life.index)) TakeReport(life, life.reports.front());
      return life.reports.pop_front();
    }
    if (what >= 840) return DoWork(life);
    if (what >= 760) return DoGate(life);
    if (what >= 560) return DoLinks(life);
    DoWorker(workers_[Random(workers_.size())]);
  }

  void DoWork(Life& life) {
    if (life.restores.empty()) return;
    const RestoreWork work = std::move(life.restores.front());
    life.restores.pop_front();
    job_.Fill(work);
    life.shard.OnRestored(work.term, absl::OkStatus());
  }

  void DoGate(Life& life) {
    if (!life.commits.empty()) {
      const Life::Commit commit = std::move(life.commits.front());
      life.commits.pop_front();
      if (commit.term == life.gate.term()) {
        life.gate.OnCommitted(commit.step, commit.chunk, commit.parts, commit.weight, commit.loss);
      }
    }
    if (Random(20) == 0) life.gate.OnTick(now_ += absl::Seconds(1));
    if (sums_.empty()) return;
    const size_t at = Random(sums_.size());
    const auto [to, sum] = sums_[at];
    const uint32_t fate = Random(8);
    if (fate != 0) sums_.erase(sums_.begin() + static_cast<std::ptrdiff_t>(at));  // or it comes again
    if (fate != 1) {
      EXPECT_TRUE(lives_[to]->gate.OnSum(sum).ok());
    }
  }

  void DoLinks(Life& life) {
    for (const FollowerId& id : life.wanted_links) {
      Life* const backup = FindLife(id.incarnation);
      if (backup == nullptr || life.links.contains(id) || Random(4) != 0) continue;
      life.links[id] = {.stream = StreamId(++last_stream_)};
      return life.shard.OnFollowerOpened(id);
    }
    if (life.links.empty()) return;
    auto link = life.links.begin();
    std::advance(link, Random(life.links.size()));
    const FollowerId id = link->first;
    Life* const backup = FindLife(id.incarnation);
    if (Random(2) == 0 && !link->second.to_backup.empty()) {
      const ToBackup message = std::move(link->second.to_backup.front());
      link->second.to_backup.pop_front();
      if (backup != nullptr) backup->shard.OnToBackup(link->second.stream, message);
    } else if (!link->second.to_primary.empty()) {
      const Held held = std::move(link->second.to_primary.front());
      link->second.to_primary.pop_front();
      life.shard.OnHeld(id, held);
    }
  }

  void OnHeldSent(StreamId stream, Held held) {
    for (const auto& life : lives_) {
      for (auto& [id, link] : life->links) {
        if (link.stream == stream) link.to_primary.push_back(std::move(held));
      }
    }
  }

  // ---- Workers.

  void Deal() {
    for (Worker& worker : workers_) worker.nodes.clear();
    for (const Node& node : RandomPartition(tree_, random_)) workers_[Random(workers_.size())].nodes.push_back(node);
  }

  Peer* PeerOf(Worker& worker, ChunkId chunk) {
    const auto peer = worker.peers.find(worker.map.PrimaryOf(chunk).incarnation);
    return peer == worker.peers.end() ? nullptr : &peer->second;
  }

  void TakeMap(Worker& worker, const ChunkMap& map) {
    if (map.epoch <= worker.map.epoch) return;
    worker.map = map;
    for (auto peer = worker.peers.begin(); peer != worker.peers.end();) {
      const bool named = std::ranges::any_of(
          map.servers, [&](const ChunkMap::Server& server) { return server.incarnation == peer->first; });
      if (!named) peer->second.life->shard.OnClosed(peer->second.stream);
      peer = named ? std::next(peer) : worker.peers.erase(peer);
    }
    for (auto& [incarnation, peer] : worker.peers) peer.settled.clear();
  }

  void DoWorker(Worker& worker) {
    if (Random(40) == 0) {
      if (worker.term != term_) {
        for (auto& [incarnation, peer] : worker.peers) peer.life->shard.OnClosed(peer.stream);
        worker.peers.clear();
        worker.held.assign(worker.held.size(), std::nullopt);
        worker.term = term_;
      }
      TakeMap(worker, map_);
    }
    if (worker.map.servers.empty()) return;
    const Incarnation incarnation = worker.map.servers[Random(worker.map.servers.size())].incarnation;
    Life* const life = FindLife(incarnation);
    if (life == nullptr) return;
    const auto found = worker.peers.find(incarnation);
    if (found == worker.peers.end()) {
      Peer& peer = worker.peers[incarnation];
      peer.life = life;
      peer.stream = StreamId(++last_stream_);
      peer.to_server.push_back(Hello{.term = worker.term, .epoch = worker.map.epoch});
      return;
    }
    Peer& peer = found->second;
    const uint32_t what = Random(3);
    if (what == 0 && !peer.to_server.empty()) {
      const ToServer message = std::move(peer.to_server.front());
      peer.to_server.pop_front();
      const StreamId stream = peer.stream;
      if (const auto* hello = std::get_if<Hello>(&message)) life->shard.OnHello(stream, *hello);
      if (const auto* push = std::get_if<Push>(&message)) life->shard.OnPush(stream, *push);
      if (const auto* pull = std::get_if<Pull>(&message)) life->shard.OnPull(stream, *pull);
    } else if (what == 1 && !peer.to_worker.empty()) {
      const ToWorker message = std::move(peer.to_worker.front());
      peer.to_worker.pop_front();
      Hear(worker, peer, message);
    } else {
      Work(worker);
    }
  }

  void OnSent(StreamId stream, ToWorker message) {
    for (Worker& worker : workers_) {
      for (auto& [incarnation, peer] : worker.peers) {
        if (peer.stream == stream) return peer.to_worker.push_back(std::move(message));
      }
    }
  }

  void BreakExchange(StreamId stream) {
    for (Worker& worker : workers_) {
      std::erase_if(worker.peers, [stream](const auto& peer) { return peer.second.stream == stream; });
    }
  }

  void Mark(Peer& peer, Epoch epoch, Step done, uint32_t window_end) {
    if (peer.mark.has_value() && epoch < peer.mark->first) return;
    peer.mark = std::pair(epoch, done);
    peer.window_end = window_end;
  }

  // Rule R4: marks of the map's epoch only.
  std::optional<Step> DoneThrough(const Worker& worker) const {
    std::optional<Step> least;
    for (const ChunkMap::Owner& owner : worker.map.owners) {
      const auto peer = worker.peers.find(worker.map.servers[owner.primary].incarnation);
      if (peer == worker.peers.end() || !peer->second.mark.has_value()) return std::nullopt;
      if (peer->second.mark->first != worker.map.epoch) return std::nullopt;
      least = std::min(least.value_or(peer->second.mark->second), peer->second.mark->second);
    }
    return least;
  }

  void Hear(Worker& worker, Peer& peer, const ToWorker& message) {
    if (std::holds_alternative<Moved>(message)) return;
    if (const auto* state = std::get_if<State>(&message)) {
      if (state->term != worker.term) return;
      Mark(peer, state->epoch, state->done_through, state->window_end);
      for (const State::Chunk& chunk : state->chunks) {
        std::erase_if(peer.settled, [&](const auto& name) { return std::get<1>(name) == chunk.chunk; });
        peer.said.insert_or_assign({chunk.chunk, chunk.use}, chunk);
      }
      if (state->map.has_value()) TakeMap(worker, *state->map);
      return;
    }
    const auto& weights = std::get<Weights>(message);
    if (weights.term != worker.term) return;
    Mark(peer, weights.epoch, weights.done_through, weights.window_end);
    if (!weights.chunk.has_value() || *weights.chunk == Evaluation()) return;
    Serve(weights);
    const std::optional<Step> done = DoneThrough(worker);
    if (done.has_value() && weights.step == *done) worker.held[weights.chunk->value()] = weights.step;
  }

  // Invariant I7: one value for each (term, step, chunk).
  void Serve(const Weights& weights) {
    if (weights.term != term_) return;
    const std::string bytes = BytesOf(weights.data);
    const auto [served, fresh] = served_.emplace(std::pair(weights.step, *weights.chunk), bytes);
    EXPECT_TRUE(served->second == bytes) << "two values of chunk " << *weights.chunk << " @" << weights.step;
    if (!profile_.authors) {
      const std::vector<float>& expected = job_.At(weights.step, *weights.chunk).weights;
      EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), bytes.size()), 0) << *weights.chunk << " @" << weights.step;
    }
    if (weights.ledger.has_value()) CheckLedger(weights.term, *weights.ledger);
  }

  void CheckLedger(Term term, const Ledger& ledger) {
    if (term != term_ || job_.clip_norm() == 0) return;
    const auto [known, fresh] = ledgers_.emplace(ledger.step, ledger.norm);
    EXPECT_EQ(known->second, ledger.norm) << "two norms of step " << ledger.step;
    if (!profile_.authors) {
      EXPECT_EQ(ledger.norm, job_.NormOf(ledger.step));
    }
  }

  // Computes and pushes one partial, or pulls what that takes (rules R3, R6).
  void Work(Worker& worker) {
    const std::optional<Step> done = DoneThrough(worker);
    if (!done.has_value() || *done >= job_.plan().last_protocol_step()) return;
    const Step step = *done + 1;
    bool ready = true;
    for (uint32_t chunk = 0; chunk < worker.held.size() && step <= job_.plan().last_step; ++chunk) {
      if (worker.held[chunk] == *done) continue;
      ready = false;
      Peer* const peer = PeerOf(worker, ChunkId(chunk));
      if (peer->to_server.empty()) {
        peer->to_server.push_back(Pull{.term = worker.term, .step = *done, .chunk = ChunkId(chunk)});
      }
    }
    if (!ready || worker.nodes.empty()) return;
    const Node node = worker.nodes[Random(worker.nodes.size())];
    const auto positions = job_.plan().layout.positions();
    const size_t first = Random(positions.size() + 1);
    for (size_t i = 0; i <= positions.size(); ++i) {
      const size_t at = (first + i) % (positions.size() + 1);
      if (TryPush(worker, at == positions.size() ? ChunkUse{Evaluation(), 0} : positions[at], step, node)) return;
    }
  }

  bool TryPush(Worker& worker, ChunkUse place, Step step, Node node) {
    Peer& peer = *PeerOf(worker, place.chunk);
    if (place.chunk == Evaluation()) {
      if (!job_.plan().evaluation.has_value() || !job_.plan().evaluation->DueIn(step)) return false;
    } else if (step > job_.plan().last_step || peer.mark->second + 1 != step ||
               RankOf(worker, place) >= peer.window_end) {
      return false;
    }
    const auto said = peer.said.find({place.chunk, place.use});
    if (said != peer.said.end() && said->second.applied + 1 == step &&
        said->second.covered.ContainsAll(tree_.Leaves(node))) {
      return false;
    }
    if (!peer.settled.insert({step, place.chunk, place.use, node}).second) return false;
    Push push = job_.PushOf(worker.term, step, place.chunk, place.use, node);
    if (profile_.authors && !push.data.empty()) Sign(push);
    peer.to_server.push_back(std::move(push));
    return true;
  }

  void Sign(Push& push) {
    const std::string bytes = BytesOf(push.data);
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    const float author = static_cast<float>(++authors_ % 1000) * 1e-4f;
    for (float& value : values) value += value * author;
    push.data = Payload::Copy(std::as_bytes(std::span<const float>(values)));
  }

  uint32_t RankOf(const Worker& worker, ChunkUse place) const {
    uint32_t rank = 0;
    for (const ChunkUse& other : job_.plan().layout.positions()) {
      if (other == place) return rank;
      const auto primary = [&](ChunkId chunk) { return worker.map.owners[chunk.value()].primary; };
      if (primary(other.chunk) == primary(place.chunk)) ++rank;
    }
    return rank;
  }

  const ToyJob& job_;
  const Profile profile_;
  std::mt19937 random_;
  const Tree tree_;
  std::vector<std::unique_ptr<Life>> lives_;  // by server
  std::vector<std::unique_ptr<Life>> dead_;   // kept, for their buffers are still lent
  std::set<uint32_t> members_;
  std::vector<Worker> workers_;
  std::deque<std::pair<uint64_t, Sum>> sums_;
  ChunkMap map_;
  Term term_ = 0;
  bool lost_ = false;
  uint32_t deaths_ = 0;
  uint64_t promotions_ = 0;
  uint64_t rollbacks_ = 0;
  uint64_t last_stream_ = 0;
  uint64_t last_incarnation_ = 0;
  uint64_t authors_ = 0;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  std::map<std::pair<Step, ChunkId>, std::string> served_;
  std::map<Step, std::optional<double>> ledgers_;
};

void RunSeeds(const ToyJob::Options& options, const Profile& profile, uint32_t seeds) {
  const ToyJob job(options);
  uint64_t promotions = 0;
  uint64_t terms = 0;
  for (uint32_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Cluster cluster(job, profile, seed);
    ASSERT_TRUE(cluster.Run()) << "does not end";
    cluster.ExpectEveryEntry();
    promotions += cluster.promotions();
    terms += cluster.term();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(promotions, 0u);
  testing::Test::RecordProperty("promotions", static_cast<int>(promotions));
  testing::Test::RecordProperty("terms", static_cast<int>(terms));
}

TEST(ReplicaRandomTest, TwoServers) { RunSeeds({.leaves = 4}, {.servers = 2}, 300); }

TEST(ReplicaRandomTest, ThreeServers) { RunSeeds({.leaves = 4}, {}, 300); }

TEST(ReplicaRandomTest, TwoBackups) { RunSeeds({.leaves = 3}, {.backups = 2, .deaths = 3}, 200); }

TEST(ReplicaRandomTest, Clipping) { RunSeeds({.leaves = 4, .clip_norm = 0.01}, {}, 300); }

TEST(ReplicaRandomTest, Evaluation) { RunSeeds({.leaves = 3, .evaluate = true}, {}, 200); }

TEST(ReplicaRandomTest, Authors) { RunSeeds({.leaves = 4}, {.authors = true}, 300); }

TEST(ReplicaRandomTest, AuthorsAndTwoBackups) {
  RunSeeds({.leaves = 3}, {.backups = 2, .deaths = 3, .authors = true}, 200);
}

TEST(ReplicaRandomTest, AuthorsAndClipping) { RunSeeds({.leaves = 4, .clip_norm = 0.01}, {.authors = true}, 300); }

}  // namespace
}  // namespace banyan::server
