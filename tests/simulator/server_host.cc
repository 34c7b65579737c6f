#include "tests/simulator/server_host.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/tree/tree.h"
#include "server/checkpoint/part_writer.h"
#include "server/ledger/gate_tensors.h"

namespace banyan::simulator {

// What one shard wants done.
class ServerHost::Output final : public server::ShardOutput {
 public:
  Output(ServerHost* host, uint32_t shard)
      : host_(host),
        shard_(shard),
        writer_({.files = host->options_.files,
                 .plan = &host->options_.job->plan(),
                 .layout = &host->options_.job->checkpoint(),
                 .slots = host->options_.job->slots()}) {}

  void Send(server::StreamId stream, ToWorker message) override {
    if (const auto* state = std::get_if<State>(&message)) host_->LookAtAnswer(*state);
    host_->network_.to_worker(stream.value(), std::move(message));
  }
  void Close(server::StreamId stream, const absl::Status&) override { host_->network_.close(stream.value()); }
  void Connect(const std::vector<server::Followers::Link>& links) override { host_->network_.connect(shard_, links); }
  void SendToFollower(const server::FollowerId& to, ToBackup message) override {
    host_->network_.to_backup(shard_, to, std::move(message));
  }
  void SendHeld(server::StreamId stream, Held held) override {
    host_->network_.to_primary(stream.value(), std::move(held));
  }
  void Restore(server::RestoreWork work) override {
    host_->PostToDisk([this, work = std::move(work)] {
      absl::Status status;
      if (work.point.directory.empty()) {
        host_->options_.job->toy().Fill(work);
      } else {
        status = host_->source_.Restore(work);
      }
      host_->Post([this, term = work.term, status] { host_->shards_[shard_]->OnRestored(term, status); });
    });
  }
  void Committed(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                 double loss) override {
    host_->Post([this, term, step, chunk, parts = std::move(parts), weight, loss] {
      if (host_->gate_->term() == term) host_->gate_->OnCommitted(step, chunk, parts, weight, loss);
    });
  }
  void WriteCheckpoint(server::CheckpointWork work) override {
    host_->PostToDisk([this, work = std::move(work)] {
      const std::optional<absl::StatusOr<server::PartWriter::Ranges>> part = writer_.Write(work);
      if (!part.has_value()) return;
      host_->Post([this, term = work.term, epoch = work.epoch, step = work.step, part] {
        host_->shards_[shard_]->OnCheckpointWritten(term, epoch, step, *part);
        host_->network_.report_soon();
      });
    });
  }

 private:
  ServerHost* const host_;
  const uint32_t shard_;
  server::PartWriter writer_;
};

ServerHost::ServerHost(Options options, Network network)
    : options_(std::move(options)),
      network_(std::move(network)),
      source_({.files = options_.files, .plan = &options_.job->plan(), .slots = options_.job->slots()}),
      executor_free_(options_.events->now()),
      disk_free_(options_.events->now()) {
  for (uint32_t i = 0; i < options_.shards; ++i) {
    outputs_.push_back(std::make_unique<Output>(this, i));
    shards_.push_back(std::make_unique<server::Shard>(ShardOptions(i), *outputs_.back()));
  }
  open_steps_.resize(shards_.size());
  if (options_.job->clip_norm() <= 0) return;
  gate_ = std::make_unique<server::Gate>(
      server::Gate::Options{.self = options_.id,
                            .tensors = server::GateTensorsOf(options_.job->plan()),
                            .ledger_chunk = options_.job->plan().layout.ledger_chunk(),
                            .ask_after = absl::Milliseconds(100)},
      *this);
}

ServerHost::~ServerHost() { *here_ = false; }

server::Shard::Options ServerHost::ShardOptions(uint32_t shard) const {
  server::Shard::Options options = options_.job->toy().ShardOptions(0, shard, options_.pool_bytes);
  options.server = options_.id;
  options.incarnation = options_.incarnation;
  return options;
}

void ServerHost::Post(std::function<void()> task) {
  executor_free_ = std::max(executor_free_, options_.events->now() + options_.events->Delay(absl::Milliseconds(2)));
  options_.life->At(executor_free_, [this, here = here_, task = std::move(task)] {
    if (!*here) return;
    task();
    Look();
  });
}

void ServerHost::PostToDisk(std::function<void()> task) {
  disk_free_ = std::max(disk_free_, options_.events->now()) + options_.events->Delay(options_.disk_time);
  options_.life->At(disk_free_, [here = here_, task = std::move(task)] {
    if (*here) task();
  });
}

void ServerHost::OnOrder(const JobOrder& order) {
  if (order.restore.has_value() && order.map.has_value() &&
      (order.term > parts_term_ || order.map->epoch > parts_epoch_)) {
    parts_term_ = order.term;
    parts_epoch_ = order.map->epoch;
    size_t with_tensors = 0;
    for (uint32_t i = 0; i < shards_.size(); ++i) {
      if (server::Shard::WritesParts(ShardOptions(i), *order.map)) ++with_tensors;
    }
    parts_.Start(order.term, order.map->epoch, with_tensors);
  }
  if (gate_ != nullptr && order.map.has_value()) OrderGate(order);
  for (const auto& shard : shards_) shard->OnOrder(order);
  Look();
}

// As server/service/gate_host does: streams to whom the map has come to name open anew.
void ServerHost::OrderGate(const JobOrder& order) {
  gate_->OnOrder(order.term, *order.map);
  std::set<std::pair<ServerId, std::string>> peers;
  for (const ChunkMap::Server& server : order.map->servers) {
    if (server.id == options_.id) continue;
    peers.emplace(server.id, server.endpoint);
    if (!gate_peers_.contains({server.id, server.endpoint})) gate_->OnPeerOpened(server.id);
  }
  gate_peers_ = std::move(peers);
}

void ServerHost::OnSession() {
  for (const auto& shard : shards_) shard->OnSession();
}

void ServerHost::OnMessage(uint32_t shard, uint64_t connection, const ToServer& message) {
  const server::StreamId stream(connection);
  if (const auto* hello = std::get_if<Hello>(&message)) {
    shards_[shard]->OnHello(stream, *hello);
  } else if (const auto* push = std::get_if<Push>(&message)) {
    OnPush(*shards_[shard], stream, *push);
  } else {
    shards_[shard]->OnPull(stream, std::get<Pull>(message));
  }
  Look();
}

void ServerHost::OnPush(server::Shard& shard, server::StreamId stream, const Push& push) {
  const std::optional<ChunkUse> awaited = shard.awaited();
  if (push.term == shard.term() && push.step == shard.done_through() + 1 && awaited.has_value() &&
      awaited->chunk == push.chunk && awaited->use == push.use) {
    awaited_ = &push;
  }
  shard.OnPush(stream, push);
  awaited_ = nullptr;
}

// Rule R11: an answer to such a push says that its leaves are there, not that there is no room.
void ServerHost::LookAtAnswer(const State& state) {
  if (awaited_ == nullptr) return;
  const Tree tree(options_.job->plan().leaves);
  for (const State::Chunk& chunk : state.chunks) {
    if (chunk.chunk != awaited_->chunk || chunk.use != awaited_->use || chunk.applied >= awaited_->step) continue;
    if (chunk.covered.ContainsAll(tree.Leaves(awaited_->node))) continue;
    absl::StrAppend(&trouble_, "a partial of step ", awaited_->step, ", chunk ", chunk.chunk.value(), ", use ",
                    chunk.use, ", was refused, and is what the window waits for; ");
  }
}

void ServerHost::OnToBackup(uint32_t shard, uint64_t connection, const ToBackup& message) {
  shards_[shard]->OnToBackup(server::StreamId(connection), message);
  Look();
}

void ServerHost::OnClosed(uint32_t shard, uint64_t connection) {
  shards_[shard]->OnClosed(server::StreamId(connection));
}

void ServerHost::OnFollowerOpened(uint32_t shard, const server::FollowerId& id) {
  shards_[shard]->OnFollowerOpened(id);
}

void ServerHost::OnFollowerClosed(uint32_t shard, const server::FollowerId& id) {
  shards_[shard]->OnFollowerClosed(id);
}

void ServerHost::OnHeld(uint32_t shard, const server::FollowerId& id, const Held& held) {
  shards_[shard]->OnHeld(id, held);
  Look();
}

void ServerHost::OnSum(const Sum& sum) {
  if (gate_ != nullptr) CHECK(gate_->OnSum(sum).ok());
}

void ServerHost::Decide(Term term, const Ledger& decided) {
  for (const auto& shard : shards_) {
    Post([raw = shard.get(), term, decided] { raw->OnLedger(term, decided); });
  }
}

void ServerHost::Tick() {
  const absl::Time now = options_.life->Steady();
  if (gate_ != nullptr) gate_->OnTick(now);
  for (const auto& shard : shards_) shard->OnTick(now);
}

void ServerHost::Look() {
  Step done = ~Step{0};
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    const auto& shard = shards_[i];
    done = std::min(done, shard->done_through());
    // A map in the middle of a step makes a new window, of what is announced then, in which another position may be
    // first; partials stay. A chunk that is promoted may be a step behind for a moment.
    const std::pair step(shard->term(), shard->done_through());
    OpenStep& open = open_steps_[i];
    if (step > open.step) open = {.step = step, .epoch = parts_epoch_};
    if (std::exchange(open.epoch, parts_epoch_) != parts_epoch_) ++open.windows;
    open.capacity = std::max(open.capacity, shard->window().capacity());
    // A window's first position may take what it needs: no more than every other leaf.
    const size_t bound = open.capacity + open.windows * ((options_.job->plan().leaves + 1) / 2 - 1);
    if (shard->memory().pooled_in_use() > bound) {
      absl::StrAppend(&trouble_, "a shard's pending partials take ", shard->memory().pooled_in_use(),
                      " buffers of its pool, expected at most ", bound, "; ");
    }
  }
  if (std::exchange(told_done_, done) != done) network_.report_soon();
}

// As server/service/job_host does.
JobReport ServerHost::TakeReport() {
  JobReport whole{.assignment_version = UINT64_MAX, .ready = true};
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    JobReport one = shards_[i]->Report();
    whole.term = i == 0 ? one.term : std::min(whole.term, one.term);
    whole.epoch = i == 0 ? one.epoch : std::min(whole.epoch, one.epoch);
    whole.assignment_version = std::min(whole.assignment_version, one.assignment_version);
    whole.ready = whole.ready && one.ready;
    if (whole.failure.empty()) {
      whole.failure = one.failure;
      whole.restore_failed = one.restore_failed;
    }
    std::ranges::move(one.open, std::back_inserter(whole.open));
    std::ranges::move(one.waits, std::back_inserter(whole.waits));
    std::ranges::move(one.entries, std::back_inserter(whole.entries));
    std::ranges::move(one.in_sync, std::back_inserter(whole.in_sync));
    for (CheckpointPart& part : one.parts) {
      std::ranges::move(parts_.Add(i, std::move(part)), std::back_inserter(whole.parts));
    }
    for (const auto& [name, value] : one.counters) whole.counters[name] += value;
  }
  if (gate_ != nullptr) std::ranges::move(gate_->Waits(), std::back_inserter(whole.waits));
  return whole;
}

}  // namespace banyan::simulator
