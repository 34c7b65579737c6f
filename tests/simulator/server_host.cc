#include "tests/simulator/server_host.h"

#include <algorithm>
#include <set>

#include "common/base/check.h"
#include "server/ledger/gate_tensors.h"

namespace banyan::simulator {

// What one shard wants done.
class ServerHost::Output final : public server::ShardOutput {
 public:
  Output(ServerHost* host, uint32_t shard) : host_(host), shard_(shard) {}

  void Send(server::StreamId stream, ToWorker message) override {
    host_->network_.to_worker(stream.value(), std::move(message));
  }
  void Close(server::StreamId stream, const absl::Status&) override { host_->network_.close(stream.value()); }
  void Restore(server::RestoreWork work) override {
    host_->Later([this, work = std::move(work)] {
      if (work.point.step == 0) {
        host_->options_.job->Fill(work);
      } else {
        for (const server::RestoreWork::Chunk& chunk : work.chunks) {
          const server::ToyJob::State& state = host_->disk_->at({work.point.step, chunk.chunk});
          std::ranges::copy(state.weights, chunk.weights->values().begin());
          for (size_t i = 0; i < chunk.slots.size(); ++i) {
            std::ranges::copy(state.slots[i], chunk.slots[i]->values().begin());
          }
        }
      }
      host_->shards_[shard_]->OnRestored(work.term, absl::OkStatus());
    });
  }
  void Committed(Term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight, double loss) override {
    // Later: a gate's answer must not come back into the shard's input.
    host_->Later([this, step, chunk, parts = std::move(parts), weight, loss] {
      host_->gate_->OnCommitted(step, chunk, parts, weight, loss);
    });
  }
  void WriteCheckpoint(server::CheckpointWork work) override {
    host_->Later([this, work = std::move(work)] {
      server::ToyJob::State state;
      state.weights.resize(work.weights.size() / sizeof(float));
      work.weights.CopyTo(std::as_writable_bytes(std::span(state.weights)));
      for (const Payload& slot : work.slots) {
        state.slots.emplace_back(slot.size() / sizeof(float));
        slot.CopyTo(std::as_writable_bytes(std::span(state.slots.back())));
      }
      host_->disk_->insert_or_assign({work.step, work.chunk}, std::move(state));
      // One word when the shard's last chunk is written.
      std::set<ChunkId>& written = written_[{work.term, work.step}];
      written.insert(work.chunk);
      if (written.size() < work.part_chunks) return;
      host_->shards_[shard_]->OnCheckpointWritten(work.term, work.epoch, work.step, std::vector<CheckpointPart::Range>());
    });
  }

 private:
  ServerHost* const host_;
  const uint32_t shard_;
  std::map<std::pair<Term, Step>, std::set<ChunkId>> written_;
};

ServerHost::ServerHost(Options options, EventQueue* events, Disk* disk, Network network)
    : options_(std::move(options)), events_(events), disk_(disk), network_(std::move(network)) {
  for (uint32_t i = 0; i < options_.shards; ++i) {
    server::Shard::Options shard = options_.job->ShardOptions(options_.index, i, options_.pool_bytes);
    shard.incarnation = options_.incarnation;
    outputs_.push_back(std::make_unique<Output>(this, i));
    if (i == 0 && options_.job->clip_norm() > 0) {
      gate_ = std::make_unique<server::Gate>(
          server::Gate::Options{.self = shard.server,
                                .tensors = server::GateTensorsOf(options_.job->plan()),
                                .ledger_chunk = options_.job->plan().layout.ledger_chunk(),
                                .ask_after = absl::Milliseconds(100)},
          *this);
    }
    shards_.push_back(std::make_unique<server::Shard>(std::move(shard), *outputs_.back()));
  }
}

ServerHost::~ServerHost() { *alive_ = false; }

void ServerHost::Later(std::function<void()> event) {
  events_->After(events_->Delay(options_.disk_time), [alive = alive_, event = std::move(event)] {
    if (*alive) event();
  });
}

void ServerHost::OnOrder(const JobOrder& order) {
  if (gate_ != nullptr && order.map) gate_->OnOrder(order.term, *order.map);
  for (const auto& shard : shards_) shard->OnOrder(order);
}

void ServerHost::OnMessage(uint32_t shard, uint64_t connection, const ToServer& message) {
  const server::StreamId stream(connection);
  if (const auto* hello = std::get_if<Hello>(&message)) {
    shards_[shard]->OnHello(stream, *hello);
  } else if (const auto* push = std::get_if<Push>(&message)) {
    shards_[shard]->OnPush(stream, *push);
  } else {
    shards_[shard]->OnPull(stream, std::get<Pull>(message));
  }
}

void ServerHost::OnClosed(uint32_t shard, uint64_t connection) {
  shards_[shard]->OnClosed(server::StreamId(connection));
}

void ServerHost::OnSum(const Sum& sum) {
  if (gate_ != nullptr) CHECK(gate_->OnSum(sum).ok());
}

void ServerHost::Decide(Term term, const Ledger& decided) {
  Later([this, term, ledger = decided]() mutable {
    for (const auto& shard : shards_) shard->OnLedger(term, ledger);
  });
}

void ServerHost::Tick() {
  if (gate_ != nullptr) gate_->OnTick(events_->now());
  for (const auto& shard : shards_) shard->OnTick(events_->now());
}

std::vector<JobReport> ServerHost::Reports() {
  std::vector<JobReport> reports;
  for (const auto& shard : shards_) {
    reports.push_back(shard->Report());
    failed_ = failed_ || !reports.back().failure.empty();
  }
  return reports;
}

Step ServerHost::done_through() const {
  Step done = ~Step{0};
  for (const auto& shard : shards_) done = std::min(done, shard->done_through());
  return done;
}

}  // namespace banyan::simulator
