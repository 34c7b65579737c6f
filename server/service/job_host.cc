#include "server/service/job_host.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/hashes.h"
#include "common/checkpoint/reader.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/replica_codec.h"
#include "server/ledger/gate_tensors.h"

namespace banyan::server {
namespace {

// Of a job's entries in one report: a message has its limit, and a coordinator that was away is told of many.
constexpr size_t kReportBytes = 2 << 20;

// A worker's stream: bound to a shard by its Hello, then a source of inputs for it. Handlers run one at a time.
struct WorkerStream {
  StreamId id;
  std::shared_ptr<FrameStream> stream;
  std::vector<std::shared_ptr<ShardHost>> shards;
  std::shared_ptr<ShardHost> shard;  // once bound

  void OnFrame(Frame frame) {
    absl::StatusOr<ToServer> message = DecodeToServer(std::move(frame));
    if (!message.ok()) return stream->Close(message.status());
    if (auto* hello = std::get_if<Hello>(&*message)) return OnHello(std::move(*hello));
    if (shard == nullptr) return stream->Close(absl::InvalidArgumentError("the stream does not begin with Hello"));
    shard->Post([id = id, stream = stream, message = *std::move(message)](Shard& shard) {
      if (const auto* push = std::get_if<Push>(&message)) {
        shard.OnPush(id, *push);
      } else {
        shard.OnPull(id, std::get<Pull>(message));
      }
      stream->Consumed();
    });
  }

  void OnHello(Hello hello) {
    if (hello.shard >= shards.size() || (shard != nullptr && shard != shards[hello.shard])) {
      return stream->Close(absl::InvalidArgumentError(
          absl::StrCat("hello for shard ", hello.shard, ", this server has ", shards.size(), " and a stream has one")));
    }
    shard = shards[hello.shard];
    shard->AddStream(id, stream, std::move(hello));
    stream->Consumed();
  }
};

// The same of a primary, bound by its first greeting.
struct LeaderStream {
  StreamId id;
  std::shared_ptr<FrameStream> stream;
  std::vector<std::shared_ptr<ShardHost>> shards;
  std::shared_ptr<ShardHost> shard;
  ToBackupDecoder decoder;

  void OnFrame(Frame frame) {
    absl::StatusOr<std::optional<ToBackup>> message = decoder.Add(std::move(frame));
    if (!message.ok()) return stream->Close(message.status());
    if (!message->has_value()) return stream->Consumed();
    if (shard == nullptr) return OnFirst(**message);
    shard->Post([id = id, stream = stream, message = **std::move(message)](Shard& shard) {
      shard.OnToBackup(id, message);
      stream->Consumed();
    });
  }

  void OnFirst(const ToBackup& message) {
    const auto* greeting = std::get_if<Greeting>(&message);
    if (greeting == nullptr || greeting->shard >= shards.size()) {
      return stream->Close(absl::InvalidArgumentError(
          absl::StrCat("the stream does not begin with a greeting for one of the ", shards.size(), " shards here")));
    }
    shard = shards[greeting->shard];
    shard->AddStream(id, stream, *greeting);
    stream->Consumed();
  }
};

}  // namespace

std::shared_ptr<JobHost> JobHost::Create(Options options) {
  std::shared_ptr<JobHost> host(new JobHost(std::move(options)));
  host->MakeShards();
  return host;
}

Shard::Options JobHost::ShardOptions(uint32_t shard) const {
  return {.server = options_.server,
          .incarnation = options_.incarnation,
          .shard = shard,
          .plan = &options_.facts->plan,
          .rule = options_.facts->optimizer.rule.get(),
          .learning_rate = [facts = options_.facts](Step step) { return facts->LearningRate(step); },
          .clip_norm = options_.facts->optimizer.clip_norm,
          .level = options_.level,
          .pool_bytes = options_.pool_bytes};
}

void JobHost::MakeShards() {
  const JobPlan& plan = options_.facts->plan;
  for (uint32_t i = 0; i < options_.executors.size(); ++i) {
    shards_.push_back(std::make_shared<ShardHost>(ShardHost::Options{
        .facts = options_.facts,
        .shard = ShardOptions(i),
        .executor = options_.executors[i],
        .connector = options_.connector,
        .disk = options_.disk,
        .files = options_.files,
        .report_bytes = kReportBytes / options_.executors.size(),
        .on_committed =
            [weak = weak_from_this()](Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                                      double loss) {
              const std::shared_ptr<JobHost> self = weak.lock();
              if (self == nullptr || self->gate_ == nullptr) return;
              self->gate_->Post([term, step, chunk, parts = std::move(parts), weight, loss](Gate& gate) {
                if (gate.term() == term) gate.OnCommitted(step, chunk, parts, weight, loss);
              });
            },
        .on_step_done = options_.report_soon}));
  }
  if (options_.facts->optimizer.clip_norm <= 0) return;
  gate_ = std::make_shared<GateHost>(GateHost::Options{
      .job = id(),
      .gate = {.self = options_.server, .tensors = GateTensorsOf(plan), .ledger_chunk = plan.layout.ledger_chunk()},
      .executor = options_.executors[0],
      .connector = options_.connector,
      .on_decided = [shards = shards_](Term term, const Ledger& ledger) {
        for (const auto& shard : shards) {
          shard->Post([term, ledger](Shard& s) { s.OnLedger(term, ledger); });
        }
      }});
}

uint64_t JobHost::BytesNeeded(const ChunkMap& map) const {
  uint64_t bytes = 0;
  if (map.owners.size() != options_.facts->plan.layout.chunk_count() + 1) return 0;
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    const uint64_t needed = Shard::BytesNeeded(ShardOptions(i), map);
    if (needed > 0) bytes += needed + options_.pool_bytes;
  }
  return bytes;
}

void JobHost::OnOrder(const JobOrder& order) {
  {
    MutexLock lock(mutex_);
    const bool anew = order.restore.has_value() && order.map.has_value() &&
                      (order.term > order_.term || !order_.map.has_value() || order.map->epoch > order_.map->epoch) &&
                      order.map->owners.size() == options_.facts->plan.layout.chunk_count() + 1;
    if (anew) {
      size_t with_tensors = 0;
      for (uint32_t i = 0; i < shards_.size(); ++i) {
        if (Shard::WritesParts(ShardOptions(i), *order.map)) ++with_tensors;
      }
      parts_.Start(order.term, order.map->epoch, with_tensors);
    }
    order_ = order;
    if (LoadsInitialWeights(order) && order.term != std::exchange(hashed_term_, order.term)) {
      initial_weights_.reset();
      HashInitialWeights(order.term);
    }
  }
  // The gate first: what shards commit in a new term comes after.
  if (gate_ != nullptr && order.map.has_value()) gate_->OnOrder(order.term, *order.map);
  for (const auto& shard : shards_) {
    shard->Post([order](Shard& s) { s.OnOrder(order); });
  }
}

bool JobHost::LoadsInitialWeights(const JobOrder& order) const {
  return !options_.facts->initial_weights.empty() && order.restore.has_value() && order.restore->directory.empty() &&
         order.map.has_value() && BytesNeeded(*order.map) > 0;
}

void JobHost::HashInitialWeights(Term term) {
  options_.disk->Post([self = shared_from_this(), term] {
    const auto hash = [&]() -> absl::StatusOr<std::string> {
      ASSIGN_OR_RETURN(const TensorFiles weights,
                       OpenInitialWeights(*self->options_.files, self->options_.facts->initial_weights));
      return ComputeHash(weights);
    };
    absl::StatusOr<std::string> found = hash();
    {
      MutexLock lock(self->mutex_);
      if (self->hashed_term_ == term) self->initial_weights_ = std::move(found);
    }
    self->options_.report_soon();
  });
}

void JobHost::OnSession() {
  for (const auto& shard : shards_) {
    shard->Post([](Shard& s) { s.OnSession(); });
  }
}

void JobHost::OnTick(absl::Time now) {
  for (const auto& shard : shards_) shard->OnTick(now);
  if (gate_ != nullptr) gate_->OnTick(now);
}

JobReport JobHost::TakeReport(bool with_entries) {
  MutexLock lock(mutex_);
  JobReport whole{.assignment_version = UINT64_MAX, .ready = true};
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    JobReport one = shards_[i]->TakeReport(with_entries);
    whole.term = i == 0 ? one.term : std::min(whole.term, one.term);
    whole.epoch = i == 0 ? one.epoch : std::min(whole.epoch, one.epoch);
    whole.assignment_version = std::min(whole.assignment_version, one.assignment_version);
    whole.ready = whole.ready && one.ready;
    if (whole.failure.empty()) {
      whole.failure = one.failure;
      whole.restore_failed = one.restore_failed;
    }
    std::move(one.open.begin(), one.open.end(), std::back_inserter(whole.open));
    for (const uint64_t peer : one.broken_peers) {
      if (std::ranges::find(whole.broken_peers, peer) == whole.broken_peers.end()) whole.broken_peers.push_back(peer);
    }
    std::move(one.waits.begin(), one.waits.end(), std::back_inserter(whole.waits));
    std::move(one.entries.begin(), one.entries.end(), std::back_inserter(whole.entries));
    whole.in_sync.insert(whole.in_sync.end(), one.in_sync.begin(), one.in_sync.end());
    for (CheckpointPart& part : one.parts) {
      std::ranges::move(parts_.Add(i, std::move(part)), std::back_inserter(whole.parts));
    }
    for (const auto& [name, value] : one.counters) whole.counters[name] += value;
  }
  if (gate_ != nullptr) std::ranges::move(gate_->waits(), std::back_inserter(whole.waits));
  if (const std::optional<absl::Time> since = options_.disk->behind_since()) {
    whole.waits.push_back({.what = "disk",
                           .detail = absl::StrCat("the disk is behind: ", options_.disk->queued(),
                                                  " tasks are waiting"),
                           .since = absl::ToDoubleSeconds(*since - absl::UnixEpoch())});
  }
  if (initial_weights_.has_value() && initial_weights_->ok()) {
    whole.initial_weights = **initial_weights_;
  } else if (LoadsInitialWeights(order_)) {
    whole.ready = false;
    if (initial_weights_.has_value() && whole.failure.empty()) {
      whole.failure = std::string(initial_weights_->status().message());
      whole.restore_failed = true;
    }
  }
  return whole;
}

void JobHost::Stop() {
  for (const auto& shard : shards_) shard->Stop();
  if (gate_ != nullptr) gate_->Stop();
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* JobHost::AcceptExchange() {
  // Shared by the stream's two handlers.
  auto worker = std::make_shared<WorkerStream>();
  worker->id = StreamId(next_stream_.fetch_add(1));
  worker->shards = shards_;
  const AcceptedFrameStream accepted =
      AcceptFrameStream({.on_frame = [worker](Frame frame) { worker->OnFrame(std::move(frame)); },
                         .on_closed =
                             [worker](const absl::Status&) {
                               if (worker->shard != nullptr) worker->shard->RemoveStream(worker->id);
                               worker->stream = nullptr;
                             }});
  worker->stream = accepted.stream;
  return accepted.reactor;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* JobHost::AcceptReplicate() {
  auto leader = std::make_shared<LeaderStream>();
  leader->id = StreamId(next_stream_.fetch_add(1));
  leader->shards = shards_;
  const AcceptedFrameStream accepted =
      AcceptFrameStream({.on_frame = [leader](Frame frame) { leader->OnFrame(std::move(frame)); },
                         .on_closed =
                             [leader](const absl::Status&) {
                               if (leader->shard != nullptr) leader->shard->RemoveStream(leader->id);
                               leader->stream = nullptr;
                             }});
  leader->stream = accepted.stream;
  return accepted.reactor;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* JobHost::AcceptGate() {
  auto stream = std::make_shared<std::shared_ptr<FrameStream>>();
  const AcceptedFrameStream accepted = AcceptFrameStream(
      {.on_frame =
           [gate = gate_, stream](const Frame& frame) {
             const absl::StatusOr<Sum> sum = DecodeSum(frame);
             if (!sum.ok()) return (*stream)->Close(sum.status());
             if (gate == nullptr) return (*stream)->Close(absl::FailedPreconditionError("the job has no gate"));
             gate->Post([sum = *sum, stream = *stream](Gate& g) {
               if (const absl::Status status = g.OnSum(sum); !status.ok()) stream->Close(status);
               stream->Consumed();
             });
           },
       .on_closed =
           [gate = gate_, stream](const absl::Status&) {
             if (gate != nullptr) gate->RemoveStream(std::move(*stream));
             *stream = nullptr;
           }});
  *stream = accepted.stream;
  if (gate_ != nullptr) gate_->AddStream(accepted.stream);
  return accepted.reactor;
}

uint64_t JobHost::memory_bytes() const {
  uint64_t bytes = 0;
  for (const auto& shard : shards_) bytes += shard->memory_bytes();
  return bytes;
}

size_t JobHost::open_streams() const {
  size_t streams = 0;
  for (const auto& shard : shards_) streams += shard->open_streams();
  return streams;
}

}  // namespace banyan::server
