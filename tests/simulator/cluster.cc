#include "tests/simulator/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/tree/tree.h"

namespace banyan::simulator {
namespace {

ToyModel MakeModel(const ClusterOptions& options) {
  worker::GradientLayout layout;
  for (const worker::Position& position : options.positions) {
    const size_t size = options.chunk_sizes[position.chunk.value()];
    layout.positions.push_back({size, {{layout.set_size, 0, size}}});
    layout.set_size += size;
  }
  return ToyModel(options.positions, std::move(layout));
}

Values InitialWeights(const ClusterOptions& options) {
  Values weights;
  for (const size_t size : options.chunk_sizes) {
    weights.emplace_back();
    for (size_t i = 0; i < size; ++i) weights.back().push_back(0.3f + 0.17f * static_cast<float>(i + weights.size()));
  }
  return weights;
}

struct Connection {
  uint32_t worker = 0;
  uint64_t life = 0;  // of the worker
  worker::StreamId stream;
  size_t shard = 0;
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
    std::unique_ptr<Port> port;
    std::unique_ptr<WorkerHost> host;
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
  void Trouble();
  void Tick();
  Step DoneThrough() const;
  bool Finished() const;

  const ClusterOptions options_;
  EventQueue events_;
  const ToyModel model_;
  const Tree tree_;
  absl::Duration latency_;
  double trouble_;
  ChunkMap map_;
  std::vector<std::unique_ptr<ScriptedShard>> shards_;
  std::map<std::pair<ServerId, uint32_t>, size_t> shard_of_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_connection_ = 1;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<Worker>> graves_;
  Assignment assignment_;
  Outcome outcome_;
};

Cluster::Cluster(const ClusterOptions& options)
    : options_(options), events_(options.seed), model_(MakeModel(options)), tree_(options.leaves) {
  latency_ = absl::Milliseconds(1 + events_.Draw(30));
  trouble_ = events_.Draw(4) == 0 ? 0 : 0.02 * (1 + events_.Draw(10));
  const uint32_t chunks = static_cast<uint32_t>(options.chunk_sizes.size());
  const uint32_t servers = 1 + events_.Draw(3);
  map_.epoch = 1;
  for (uint32_t i = 0; i < servers; ++i) {
    map_.servers.push_back({ServerId(10 + i), Incarnation(100 + i), absl::StrCat("server-", i), 1 + events_.Draw(2)});
  }
  for (uint32_t i = 0; i <= chunks; ++i) map_.owners.push_back({events_.Draw(servers), {}, {}});
  std::map<std::pair<ServerId, uint32_t>, ScriptedShard::Options> shards;
  const Values weights = InitialWeights(options);
  for (uint32_t i = 0; i <= chunks; ++i) {
    ScriptedShard::Options& shard = shards[{map_.PrimaryOf(ChunkId(i)).id, map_.ShardOf(ChunkId(i))}];
    shard.leaves = options.leaves;
    shard.evaluate = [options](Step step) { return options.Evaluate(step); };
    shard.last = options.steps + 1;
    if (i == chunks) {
      shard.evaluation = ChunkId(i);
    } else {
      shard.weights[ChunkId(i)] = weights[i];
    }
  }
  const uint32_t window = 1 + events_.Draw(5);
  for (auto& [key, shard] : shards) {
    shard.window = window;
    for (const worker::Position& position : options.positions) {
      if (shard.weights.contains(position.chunk)) shard.positions.push_back(position);
    }
    shard_of_[key] = shards_.size();
    shards_.push_back(std::make_unique<ScriptedShard>(
        std::move(shard), [this](uint64_t connection, ToWorker message) { ToWorkerEnd(connection, std::move(message)); }));
  }
  workers_.resize(1 + events_.Draw(4));
}

Cluster::~Cluster() {
  for (Worker& worker : workers_) worker.host.reset();
}

void Cluster::Open(uint32_t worker, uint64_t life, worker::StreamId stream, worker::PeerId peer, Hello hello) {
  const uint64_t id = next_connection_++;
  const size_t shard = shard_of_.at({peer.server, peer.shard});
  connections_[id] = Connection{.worker = worker, .life = life, .stream = stream, .shard = shard,
                                .last_to_server = events_.now(), .last_to_worker = events_.now()};
  ToShard(id, std::move(hello));
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
    shards_[found->second.shard]->OnMessage(id, message);
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
    shards_[found->second.shard]->OnClosed(id);
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
  worker.port = std::make_unique<Port>(this, index, worker.life);
  WorkerHost::Options options;
  options.machine = {.worker = WorkerId(index + 1),
                     .incarnation = Incarnation(worker.life),
                     .leaves = options_.leaves,
                     .chunks = static_cast<uint32_t>(options_.chunk_sizes.size()),
                     .positions = options_.positions,
                     .steps = options_.steps,
                     .evaluate = [options = options_](Step step) { return options.Evaluate(step); }};
  options.model = &model_;
  options.lanes = 1 + events_.Draw(2);
  // At least what one target takes; often fewer than all of them do.
  options.sets = options.lanes + 4 + events_.Draw(4);
  options.leaf_time = absl::Milliseconds(5 << events_.Draw(4));
  options.chunk_sizes = options_.chunk_sizes;
  worker.host = std::make_unique<WorkerHost>(std::move(options), &events_, worker.port.get());
  Order(index);
}

void Cluster::KillWorker(uint32_t index) {
  Worker& worker = workers_[index];
  ++outcome_.deaths;
  outcome_.recomputed += worker.host->machine().counters().leaves_recomputed;
  worker.host->Kill();
  for (auto& [id, connection] : connections_) {
    if (connection.worker == index && connection.life == worker.life && connection.worker_end) CloseWorkerEnd(id);
  }
  graves_.push_back(std::make_unique<Worker>(std::move(worker)));
  worker.life = graves_.back()->life + 1;
  worker.host = nullptr;
}

Step Cluster::DoneThrough() const {
  Step done = ~Step{0};
  for (const auto& shard : shards_) done = std::min(done, shard->done_through());
  return done;
}

bool Cluster::Finished() const {
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& shard) { return shard->finished(); });
}

// Any partition of the leaves into nodes, to whoever lives.
void Cluster::Assign(Step from_step) {
  ++assignment_.version;
  assignment_.from_step = from_step;
  assignment_.shares.clear();
  std::vector<uint32_t> living;
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].host) living.push_back(i);
  }
  if (living.empty()) return;
  std::vector<Node> nodes = {tree_.root()};
  for (uint32_t splits = events_.Draw(options_.leaves + 1); splits > 0; --splits) {
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
}

void Cluster::Order(uint32_t worker) {
  JobOrder order;
  order.coordinator_term = 1;
  order.term = 1;
  order.restore = RestorePoint{};
  order.map = map_;
  if (assignment_.version > 0) order.assignment = assignment_;
  order.state = JobState::kRunning;
  const uint64_t life = workers_[worker].life;
  // A session keeps its order.
  absl::Time& last = workers_[worker].last_order;
  last = std::max(last, events_.now() + events_.Delay(latency_ * 2));
  events_.At(last, [this, worker, life, order] {
    if (workers_[worker].life == life && workers_[worker].host) workers_[worker].host->OnOrder(order);
  });
}

void Cluster::Trouble() {
  const bool quiet = events_.now() > absl::UnixEpoch() + absl::Seconds(20);  // then it must come to its end
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
  if (quiet && std::none_of(workers_.begin(), workers_.end(), [](const Worker& w) { return w.host != nullptr; })) {
    StartWorker(0);
    Assign(open);
  }
}

void Cluster::Tick() {
  if (Finished()) return;
  Trouble();
  for (Worker& worker : workers_) {
    if (worker.host) worker.host->Tick();
  }
  events_.After(absl::Milliseconds(10), [this] { Tick(); });
}

Outcome Cluster::Run() {
  for (uint32_t i = 0; i < workers_.size(); ++i) StartWorker(i);
  Assign(1);
  Tick();
  const absl::Time end = absl::UnixEpoch() + absl::Minutes(2);
  while (!events_.empty() && events_.now() < end && !Finished()) events_.Step();
  outcome_.finished = Finished();
  outcome_.events = events_.count();
  for (const Worker& worker : workers_) {
    if (!worker.host) continue;
    outcome_.recomputed += worker.host->machine().counters().leaves_recomputed;
    outcome_.dropped_sets += worker.host->machine().counters().sets_dropped;
    if (outcome_.finished) continue;
    absl::StrAppend(&outcome_.trouble, "worker step ", worker.host->machine().open_step(), ": ");
    for (const Wait& wait : worker.host->machine().Waits()) absl::StrAppend(&outcome_.trouble, wait.detail, "; ");
  }
  for (uint32_t i = 0; i < options_.chunk_sizes.size(); ++i) {
    outcome_.weights.push_back(
        shards_[shard_of_.at({map_.PrimaryOf(ChunkId(i)).id, map_.ShardOf(ChunkId(i))})]->weights(ChunkId(i)));
  }
  for (const auto& shard : shards_) outcome_.entries.insert(shard->entries().begin(), shard->entries().end());
  return outcome_;
}

}  // namespace

Outcome Reference(const ClusterOptions& options) {
  const ToyModel model = MakeModel(options);
  const Tree tree(options.leaves);
  const uint32_t evaluation = static_cast<uint32_t>(options.chunk_sizes.size());
  Outcome outcome;
  outcome.weights = InitialWeights(options);
  const auto sum_loss = [&](Step step, worker::Pass pass) {
    const float digest = ToyModel::Digest(outcome.weights);
    return FoldTree<LeafLoss>(
        tree, tree.root(), [&](uint32_t leaf) { return model.Loss(digest, step, leaf, pass); },
        [](const LeafLoss& a, const LeafLoss& b) { return LeafLoss{a.weight + b.weight, a.loss + b.loss}; });
  };
  for (Step step = 1; step <= options.steps + 1; ++step) {
    if (options.Evaluate(step)) outcome.entries[{step, evaluation}] = sum_loss(step, worker::Pass::kEvaluate);
    if (step > options.steps) break;
    const LeafLoss loss = sum_loss(step, worker::Pass::kTrain);
    const float digest = ToyModel::Digest(outcome.weights);
    std::map<ChunkId, std::vector<float>> roots;
    for (uint32_t position = 0; position < options.positions.size(); ++position) {
      const worker::GradientLayout::Piece piece = model.layout().positions[position].pieces[0];
      std::vector<float> set(model.layout().set_size);
      const std::vector<float> root = FoldTree<std::vector<float>>(
          tree, tree.root(),
          [&](uint32_t leaf) {
            model.Gradient(position, outcome.weights, digest, step, leaf, set);
            return std::vector<float>(set.begin() + piece.set_offset, set.begin() + piece.set_offset + piece.size);
          },
          [](std::vector<float> left, const std::vector<float>& right) {
            for (size_t i = 0; i < left.size(); ++i) left[i] += right[i];
            return left;
          });
      std::vector<float>& sum = roots[options.positions[position].chunk];
      if (sum.empty()) {
        sum = root;
      } else {
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += root[i];
      }
    }
    for (const auto& [chunk, root] : roots) {
      outcome.entries[{step, chunk.value()}] = loss;
      const float rate = static_cast<float>(-0.1 / loss.weight);
      for (size_t i = 0; i < root.size(); ++i) outcome.weights[chunk.value()][i] += rate * root[i];
    }
  }
  outcome.finished = true;
  return outcome;
}

Outcome RunCluster(const ClusterOptions& options) { return Cluster(options).Run(); }

}  // namespace banyan::simulator
