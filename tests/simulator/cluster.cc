#include "tests/simulator/cluster.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/tree/tree.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/worker_host.h"

namespace banyan::simulator {
namespace {

// Trouble ends here, and the job must come to its end.
constexpr absl::Duration kTrouble = absl::Seconds(4);
constexpr absl::Duration kEnd = absl::Seconds(60);
constexpr absl::Duration kTick = absl::Milliseconds(10);

struct Connection {
  uint32_t worker = 0;
  uint64_t life = 0;  // of the worker
  worker::StreamId stream;
  uint32_t server = 0;
  uint32_t shard = 0;
  bool worker_end = true;  // open there
  bool server_end = true;
  bool broken = false;
  absl::Time last_to_server;
  absl::Time last_to_worker;
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();

  Outcome Run();

 private:
  // The network as one worker sees it.
  class Port final : public WorkerNetwork {
   public:
    Port(Cluster* cluster, uint32_t worker, uint64_t life) : cluster_(cluster), worker_(worker), life_(life) {}
    void Open(worker::StreamId stream, worker::PeerId peer, Hello hello) override {
      cluster_->Open(worker_, life_, stream, peer, std::move(hello));
    }
    void Close(worker::StreamId stream) override {
      if (const auto id = Find(stream)) cluster_->CloseWorkerEnd(*id);
    }
    void Send(worker::StreamId stream, ToServer message) override {
      if (const auto id = Find(stream)) cluster_->ToShard(*id, std::move(message));
    }

   private:
    std::optional<uint64_t> Find(worker::StreamId stream) {
      for (const auto& [id, connection] : cluster_->connections_) {
        if (connection.worker == worker_ && connection.life == life_ && connection.stream == stream) return id;
      }
      return std::nullopt;
    }
    Cluster* const cluster_;
    const uint32_t worker_;
    const uint64_t life_;
  };
  struct Worker {
    uint64_t life = 0;
    absl::Time last_order = absl::InfinitePast();
    std::shared_ptr<Port> port;
    std::shared_ptr<WorkerHost> host;
  };

  void Open(uint32_t worker, uint64_t life, worker::StreamId stream, worker::PeerId peer, Hello hello);
  void ToShard(uint64_t id, ToServer message);
  void ToWorkerEnd(uint64_t id, ToWorker message);
  void CloseWorkerEnd(uint64_t id);
  void Break(uint64_t id);
  void StartWorker(uint32_t index);
  void KillWorker(uint32_t index);
  void Assign(Step from_step);
  void Order(uint32_t worker);
  void StartServer(uint32_t index);
  void KillServer(uint32_t index);
  JobOrder MakeOrder() const;
  void OrderServer(uint32_t index);
  void CollectEntries();
  void Compare();
  void Trouble();
  void Tick();
  Step DoneThrough() const;
  bool Finished() const;

  const ClusterOptions options_;
  const JobPlan& plan_;
  const Tree tree_;
  EventQueue events_;
  absl::Duration latency_;
  double trouble_ = 0;
  uint64_t pool_bytes_ = 0;
  ChunkMap map_;
  Term term_ = 1;
  RestorePoint restore_;
  Assignment assignment_;
  Disk disk_;
  std::vector<std::unique_ptr<ServerHost>> servers_;
  std::vector<absl::Time> last_server_order_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_connection_ = 1;
  std::vector<Worker> workers_;
  std::vector<Worker> graves_;
  std::map<std::pair<Step, ChunkId>, Entry> entries_;
  Outcome outcome_;
};

Cluster::Cluster(const ClusterOptions& options)
    : options_(options), plan_(options.job->plan()), tree_(plan_.leaves), events_(options.seed) {
  latency_ = absl::Milliseconds(1 + events_.Draw(20));
  trouble_ = events_.Draw(4) == 0 ? 0 : 0.02 * (1 + events_.Draw(10));
  map_ = options.job->Map(1 + events_.Draw(3), 1 + events_.Draw(2));
  pool_bytes_ = (1 + events_.Draw(8)) * 16384;
  servers_.resize(map_.servers.size());
  last_server_order_.resize(map_.servers.size());
  workers_.resize(1 + events_.Draw(4));
}

Cluster::~Cluster() {
  for (Worker& worker : workers_) worker.host.reset();
}

void Cluster::StartServer(uint32_t index) {
  ServerHost::Network network;
  network.to_worker = [this](uint64_t connection, ToWorker message) { ToWorkerEnd(connection, std::move(message)); };
  network.close = [this](uint64_t connection) { Break(connection); };
  network.to_server = [this](ServerId to, const Sum& sum) {
    // In any order, now and then twice; the message of a dead server still arrives.
    for (uint32_t copies = events_.Chance(0.1) ? 2 : 1; copies > 0; --copies) {
      if (events_.now() < absl::UnixEpoch() + kTrouble && events_.Chance(trouble_ / 4)) continue;
      events_.After(events_.Delay(latency_), [this, to, sum] { servers_[to.value() - 100]->OnSum(sum); });
    }
  };
  servers_[index] = std::make_unique<ServerHost>(ServerHost::Options{.job = options_.job,
                                                                     .index = index,
                                                                     .incarnation = map_.servers[index].incarnation,
                                                                     .shards = map_.servers[index].shards,
                                                                     .pool_bytes = pool_bytes_},
                                                 &events_, &disk_, std::move(network));
}

// Without replicas: everyone goes back to the last whole checkpoint, in a new term (rule R12).
void Cluster::KillServer(uint32_t index) {
  ++outcome_.server_deaths;
  CollectEntries();
  for (auto& [id, connection] : connections_) {
    if (connection.server == index && !connection.broken) Break(id);
  }
  for (auto& [id, connection] : connections_) {
    if (connection.server == index) connection.server_end = false;
  }
  ++term_;
  ++map_.epoch;
  map_.servers[index].incarnation = Incarnation(map_.servers[index].incarnation.value() + 1);
  restore_ = RestorePoint{};
  for (Step step = 1; step <= plan_.last_step; ++step) {
    bool whole = true;
    for (uint32_t i = 0; i < plan_.layout.chunk_count(); ++i) whole = whole && disk_.contains({step, ChunkId(i)});
    if (whole) restore_ = RestorePoint{.step = step, .directory = absl::StrCat("step-", step)};
  }
  StartServer(index);
  for (uint32_t i = 0; i < servers_.size(); ++i) OrderServer(i);
  Assign(restore_.step + 1);
}

JobOrder Cluster::MakeOrder() const {
  JobOrder order;
  order.coordinator_term = 1;
  order.term = term_;
  order.restore = restore_;
  order.map = map_;
  if (assignment_.version > 0) order.assignment = assignment_;
  order.state = JobState::kRunning;
  return order;
}

void Cluster::OrderServer(uint32_t index) {
  absl::Time& last = last_server_order_[index];
  last = std::max(last, events_.now() + events_.Delay(latency_ * 2));
  const Incarnation life = map_.servers[index].incarnation;
  events_.At(last, [this, index, life, order = MakeOrder()] {
    if (map_.servers[index].incarnation == life) servers_[index]->OnOrder(order);
  });
}

void Cluster::CollectEntries() {
  for (const auto& server : servers_) {
    for (const JobReport& report : server->Reports()) {
      const auto duplicates = report.counters.find("partials_duplicate");
      if (duplicates != report.counters.end()) outcome_.duplicates += duplicates->second;
      if (!report.failure.empty()) outcome_.trouble = report.failure;
      for (const Entry& entry : report.entries) {
        const auto [known, fresh] = entries_.insert({{entry.step, entry.chunk}, entry});
        const Entry& first = known->second;
        if (first.fingerprint != entry.fingerprint || first.loss != entry.loss || first.weight != entry.weight) {
          outcome_.trouble = absl::StrCat("two lines of step ", entry.step, " chunk ", entry.chunk.value());
        }
      }
    }
  }
}

bool Cluster::Finished() const {
  for (uint32_t i = 0; i < plan_.layout.chunk_count(); ++i) {
    const std::pair<Step, ChunkId> last(plan_.last_step, ChunkId(i));
    if (!disk_.contains(last) || !entries_.contains(last)) return false;
  }
  return !plan_.evaluation || entries_.contains({plan_.last_step + 1, plan_.layout.evaluation_chunk()});
}

// Against the values that the job has by definition.
void Cluster::Compare() {
  const auto differ = [&](const std::string& what) { absl::StrAppend(&outcome_.trouble, what, " differs; "); };
  const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::ranges::equal(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
  };
  for (uint32_t i = 0; i < plan_.layout.chunk_count(); ++i) {
    const server::ToyJob::State& expected = options_.job->At(plan_.last_step, ChunkId(i));
    const server::ToyJob::State& actual = disk_.at({plan_.last_step, ChunkId(i)});
    if (!same(actual.weights, expected.weights)) differ(absl::StrCat("weights of chunk ", i));
    for (size_t slot = 0; slot < expected.slots.size(); ++slot) {
      if (!same(actual.slots[slot], expected.slots[slot])) differ(absl::StrCat("slot ", slot, " of chunk ", i));
    }
  }
  for (Step step = 1; step <= plan_.last_protocol_step(); ++step) {
    const ChunkId chunk = step <= plan_.last_step ? plan_.layout.ledger_chunk() : plan_.layout.evaluation_chunk();
    for (const ChunkId id : {chunk, plan_.layout.evaluation_chunk()}) {
      if (id == plan_.layout.evaluation_chunk() && !(plan_.evaluation && plan_.evaluation->DueIn(step))) continue;
      const auto entry = entries_.find({step, id});
      if (entry == entries_.end()) {
        differ(absl::StrCat("the number of lines of step ", step));
      } else if (entry->second.loss != options_.job->LossOf(step) ||
                 entry->second.weight != options_.job->WeightOf(step)) {
        differ(absl::StrCat("the loss of step ", step));
      }
    }
  }
}

void Cluster::Open(uint32_t worker, uint64_t life, worker::StreamId stream, worker::PeerId peer, Hello hello) {
  const uint64_t id = next_connection_++;
  const uint32_t server = static_cast<uint32_t>(peer.server.value() - 100);
  connections_[id] = Connection{.worker = worker,
                                .life = life,
                                .stream = stream,
                                .server = server,
                                .shard = peer.shard,
                                .last_to_server = events_.now(),
                                .last_to_worker = events_.now()};
  ToShard(id, std::move(hello));
  // A server's dead life cannot be reached.
  if (map_.servers[server].incarnation != peer.incarnation) {
    connections_[id].server_end = false;
    events_.After(events_.Delay(latency_), [this, id] { Break(id); });
  }
}

void Cluster::ToShard(uint64_t id, ToServer message) {
  Connection& connection = connections_.at(id);
  const bool hello = std::holds_alternative<Hello>(message);
  // In order within a stream, any order across them.
  connection.last_to_server = std::max(connection.last_to_server, events_.now() + events_.Delay(latency_));
  const uint32_t worker = connection.worker;
  const uint64_t life = connection.life;
  const worker::StreamId stream = connection.stream;
  // What was under way when a stream broke is lost, or comes late.
  events_.At(connection.last_to_server, [this, id, message = std::move(message)] {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.server_end) return;
    servers_[found->second.server]->OnMessage(found->second.shard, id, message);
  });
  if (hello) return;
  events_.After(events_.Delay(latency_), [this, worker, life, stream] {
    if (workers_[worker].life == life && workers_[worker].host) workers_[worker].host->OnWritten(stream);
  });
}

void Cluster::ToWorkerEnd(uint64_t id, ToWorker message) {
  Connection& connection = connections_.at(id);
  if (connection.broken) return;
  connection.last_to_worker = std::max(connection.last_to_worker, events_.now() + events_.Delay(latency_));
  events_.At(connection.last_to_worker, [this, id, message = std::move(message)] {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.worker_end) return;
    Worker& worker = workers_[found->second.worker];
    if (worker.life == found->second.life && worker.host) worker.host->OnMessage(found->second.stream, message);
  });
}

void Cluster::CloseWorkerEnd(uint64_t id) {
  Connection& connection = connections_.at(id);
  connection.worker_end = false;
  connection.broken = true;
  events_.After(events_.Delay(latency_ * 3), [this, id] {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.server_end) return;
    found->second.server_end = false;
    servers_[found->second.server]->OnClosed(found->second.shard, id);
  });
}

// Each end learns of it in its own time; until the server does, it takes what was sent before.
void Cluster::Break(uint64_t id) {
  Connection& connection = connections_.at(id);
  if (connection.broken) return;
  ++outcome_.breaks;
  const uint32_t worker = connection.worker;
  const uint64_t life = connection.life;
  const worker::StreamId stream = connection.stream;
  CloseWorkerEnd(id);
  events_.After(events_.Delay(latency_), [this, worker, life, stream] {
    if (workers_[worker].life == life && workers_[worker].host) workers_[worker].host->OnStreamClosed(stream);
  });
}

void Cluster::StartWorker(uint32_t index) {
  Worker& worker = workers_[index];
  ++worker.life;
  worker.port = std::make_shared<Port>(this, index, worker.life);
  WorkerHost::Options options;
  options.machine = {.worker = WorkerId(index + 1),
                     .incarnation = Incarnation(worker.life),
                     .leaves = plan_.leaves,
                     .chunks = plan_.layout.chunk_count(),
                     .positions = {},
                     .steps = plan_.last_step,
                     .evaluate = [this](Step step) { return plan_.evaluation && plan_.evaluation->DueIn(step); }};
  for (const ChunkUse& position : plan_.layout.positions()) {
    options.machine.positions.push_back({position.chunk, position.use});
  }
  options.job = options_.job;
  options.layout = options_.layout;
  options.lanes = 1 + events_.Draw(2);
  // What one target takes at the least (1 + log2 of its leaves, one more for each further lane); seldom what all do.
  options.sets = options.lanes + tree_.root().level + events_.Draw(3);
  options.leaf_time = absl::Milliseconds(5 << events_.Draw(4));
  worker.host = std::make_shared<WorkerHost>(std::move(options), &events_, worker.port.get());
  Order(index);
}

void Cluster::KillWorker(uint32_t index) {
  Worker& worker = workers_[index];
  ++outcome_.worker_deaths;
  outcome_.recomputed += worker.host->machine().counters().leaves_recomputed;
  worker.host->Kill();
  for (auto& [id, connection] : connections_) {
    if (connection.worker == index && connection.life == worker.life && connection.worker_end) CloseWorkerEnd(id);
  }
  graves_.push_back(std::move(worker));
  worker.life = graves_.back().life + 1;
  worker.host = nullptr;
}

Step Cluster::DoneThrough() const {
  Step done = ~Step{0};
  for (const auto& server : servers_) done = std::min(done, server->done_through());
  return done;
}

// Any partition of the leaves into nodes, to whoever lives.
void Cluster::Assign(Step from_step) {
  ++assignment_.version;
  assignment_.max_pending = (plan_.leaves + 1) / 2;
  assignment_.from_step = from_step;
  assignment_.shares.clear();
  std::vector<uint32_t> living;
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].host) living.push_back(i);
  }
  if (living.empty()) return;
  std::vector<Node> nodes = {tree_.root()};
  for (uint32_t splits = events_.Draw(plan_.leaves + 1); splits > 0; --splits) {
    const uint32_t pick = events_.Draw(static_cast<uint32_t>(nodes.size()));
    if (tree_.IsLeaf(nodes[pick])) continue;
    const auto [left, right] = tree_.Children(nodes[pick]);
    nodes[pick] = left;
    nodes.push_back(right);
  }
  for (const uint32_t index : living) assignment_.shares.push_back({WorkerId(index + 1), {}});
  for (const Node& node : nodes) {
    assignment_.shares[events_.Draw(static_cast<uint32_t>(living.size()))].nodes.push_back(node);
  }
  for (const uint32_t index : living) Order(index);
  for (uint32_t i = 0; i < servers_.size(); ++i) OrderServer(i);
}

void Cluster::Order(uint32_t worker) {
  const JobOrder order = MakeOrder();
  const uint64_t life = workers_[worker].life;
  // A session keeps its order.
  absl::Time& last = workers_[worker].last_order;
  last = std::max(last, events_.now() + events_.Delay(latency_ * 2));
  events_.At(last, [this, worker, life, order] {
    if (workers_[worker].life == life && workers_[worker].host) workers_[worker].host->OnOrder(order);
  });
}

void Cluster::Trouble() {
  const bool quiet = events_.now() > absl::UnixEpoch() + kTrouble;
  const Step open = DoneThrough() + 1;
  if (!quiet && events_.Chance(trouble_)) {
    std::vector<uint64_t> streams;
    for (const auto& [id, connection] : connections_) {
      if (!connection.broken) streams.push_back(id);
    }
    if (!streams.empty()) Break(streams[events_.Draw(static_cast<uint32_t>(streams.size()))]);
  }
  if (!quiet && events_.Chance(trouble_ / 4)) {
    ++outcome_.moves;
    Assign(open + events_.Draw(3));
  }
  if (!quiet && events_.Chance(trouble_ / 8)) {
    const uint32_t index = events_.Draw(static_cast<uint32_t>(workers_.size()));
    if (workers_[index].host) {
      KillWorker(index);
    } else {
      StartWorker(index);
    }
    events_.After(events_.Delay(latency_ * 4), [this] { Assign(DoneThrough() + 1); });
  }
  if (!quiet && events_.Chance(trouble_ / 40)) KillServer(events_.Draw(static_cast<uint32_t>(servers_.size())));
  if (quiet && std::none_of(workers_.begin(), workers_.end(), [](const Worker& w) { return w.host != nullptr; })) {
    StartWorker(0);
    Assign(open);
  }
}

void Cluster::Tick() {
  if (Finished()) return;
  Trouble();
  for (const auto& server : servers_) server->Tick();
  for (Worker& worker : workers_) {
    if (worker.host) worker.host->Tick();
  }
  CollectEntries();
  events_.After(kTick, [this] { Tick(); });
}

Outcome Cluster::Run() {
  for (uint32_t i = 0; i < servers_.size(); ++i) StartServer(i);
  for (uint32_t i = 0; i < workers_.size(); ++i) StartWorker(i);
  Assign(1);
  Tick();
  const absl::Time end = absl::UnixEpoch() + kEnd;
  while (!events_.empty() && events_.now() < end && !Finished() && outcome_.trouble.empty()) events_.Step();
  outcome_.finished = Finished();
  outcome_.events = events_.count();
  for (const Worker& worker : workers_) {
    if (!worker.host) continue;
    const worker::StepMachine& machine = worker.host->machine();
    outcome_.recomputed += machine.counters().leaves_recomputed;
    outcome_.dropped_sets += machine.counters().sets_dropped;
    if (outcome_.finished) continue;
    absl::StrAppend(&outcome_.trouble, "worker at step ", machine.open_step(), ": ");
    for (const Wait& wait : machine.Waits()) absl::StrAppend(&outcome_.trouble, wait.detail, "; ");
  }
  if (outcome_.finished) Compare();
  return outcome_;
}

}  // namespace

Outcome RunCluster(const ClusterOptions& options) { return Cluster(options).Run(); }

}  // namespace banyan::simulator
