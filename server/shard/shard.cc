#include "server/shard/shard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace banyan::server {
namespace {

size_t LargestChunk(const JobPlan& plan) {
  int64_t elements = 1;
  for (uint32_t chunk = 0; chunk < plan.layout.chunk_count(); ++chunk) {
    elements = std::max(elements, plan.layout.chunk(ChunkId(chunk)).element_count);
  }
  return static_cast<size_t>(elements);
}

}  // namespace

Shard::Shard(Options options, ShardOutput& output)
    : options_(std::move(options)), output_(output), memory_(LargestChunk(*options_.plan)), window_(0, 0) {}

bool Shard::Owns(const Options& options, const ChunkMap& map, ChunkId chunk) {
  const ChunkMap::Server& primary = map.PrimaryOf(chunk);
  return primary.id == options.server && primary.incarnation == options.incarnation &&
         map.ShardOf(chunk) == options.shard;
}

uint64_t Shard::BytesNeeded(const Options& options, const ChunkMap& map) {
  uint64_t elements = 0;
  for (uint32_t id = 0; id < options.plan->layout.chunk_count(); ++id) {
    if (!Owns(options, map, ChunkId(id))) continue;
    const Chunk& chunk = options.plan->layout.chunk(ChunkId(id));
    const uint64_t buffers = chunk.uses == 0 ? 1 : 1 + chunk.uses + options.rule->SlotNames().size();
    elements += static_cast<uint64_t>(chunk.element_count) * buffers;
  }
  return elements * sizeof(float);
}

// ---- From the coordinator.

void Shard::OnOrder(const JobOrder& order) {
  if (order.coordinator_term < coordinator_term_ || order.term < term_) return;
  coordinator_term_ = order.coordinator_term;
  checkpoint_directory_ = order.checkpoint_directory;
  if (order.assignment.has_value()) {
    assignment_version_ = order.assignment->version;
    max_pending_ = std::max(1u, order.assignment->max_pending);
  }
  if (order.map.has_value() && order.map->owners.size() != options_.plan->layout.chunk_count() + 1) {
    return Fail(absl::StrCat("chunk map has ", order.map->owners.size(), " chunks, expected ",
                             options_.plan->layout.chunk_count() + 1));
  }
  if (order.term > term_) {
    if (!order.restore.has_value() || !order.map.has_value()) return;  // the whole word comes later
    StartTerm(order);
  } else if (order.map.has_value() && order.map->epoch > map_.epoch) {
    TakeMap(*order.map);
  }
  window_.SetMaxPending(max_pending_);
  entries_.ForgetThrough(order.ledger_through);
  OrderCheckpoint(order.checkpoint_step);
}

void Shard::StartTerm(const JobOrder& order) {
  term_ = order.term;
  map_ = *order.map;
  restore_ = *order.restore;
  ready_ = false;
  failure_.clear();
  for (auto it = streams_.begin(); it != streams_.end();) {
    const auto stream = it++;
    if (stream->second.hello.term < term_) Refuse(stream->first, "");
  }
  // Partials give their pool buffers back: copies go before anything else.
  positions_.clear();
  position_.clear();
  committed_.clear();
  copies_.clear();
  entries_.Clear();
  late_.Reset();
  done_ = restore_.step;
  tensors_ = 0;

  RestoreWork work{.term = term_, .point = restore_};
  for (uint32_t i = 0; i <= options_.plan->layout.chunk_count(); ++i) {
    const ChunkId id(i);
    if (!Owns(options_, map_, id)) continue;
    auto copy = std::make_unique<ChunkCopy>(
        ChunkCopy::Options{.id = id, .plan = options_.plan, .rule = options_.rule, .level = options_.level}, memory_);
    if (!copy->evaluation()) {
      ++tensors_;
      work.chunks.push_back({.chunk = id, .weights = copy->weights_buffer(), .slots = copy->slot_buffers()});
    }
    copies_.emplace(id, std::move(copy));
  }
  for (const ChunkUse& position : options_.plan->layout.positions()) {
    const auto copy = copies_.find(position.chunk);
    if (copy == copies_.end()) continue;
    std::vector<size_t>& places = position_[position.chunk];
    places.resize(copy->second->uses());
    places[position.use] = positions_.size();
    positions_.push_back({.copy = copy->second.get(), .use = position.use});
  }
  parts_.Start(term_);
  window_ = Window(positions_.size(), options_.pool_bytes / (LargestChunk(*options_.plan) * sizeof(float)));
  window_.Start(max_pending_);
  output_.Restore(std::move(work));
}

void Shard::OnRestored(Term term, const absl::Status& status) {
  if (term != term_ || ready_) return;
  if (!status.ok()) return Fail(absl::StrCat("restore @", restore_.step, ": ", std::string(status.message())));
  ready_ = true;
  for (auto& [id, copy] : copies_) {
    copy->Start(copy->evaluation() ? EvaluationStandsAt(restore_.step) : restore_.step);
  }
  // The initial state is a checkpoint too. One that was restored is there already.
  if (restore_.step == 0) {
    for (const auto& [id, copy] : copies_) TakeForCheckpoint(*copy, 0);
  }
  OrderCheckpoint(checkpoint_step_);
  Advance();
  for (auto& [id, stream] : streams_) {
    if (stream.hello.term == term_) Greet(id, stream);
  }
}

void Shard::TakeMap(const ChunkMap& map) {
  map_ = map;
  for (auto it = copies_.begin(); it != copies_.end(); ++it) {
    if (Owns(options_, map_, it->first)) continue;
    Fail(absl::StrCat("chunk ", it->first.value(), " was moved away within term ", term_,
                      ", which servers without replicas cannot follow"));
    return;
  }
  for (auto& [id, stream] : streams_) {
    if (stream.greeted) Greet(id, stream);
  }
}

void Shard::OrderCheckpoint(Step step) {
  checkpoint_step_ = step;
  if (step == 0 || !ready_) return;
  for (const auto& [id, copy] : copies_) {
    if (copy->evaluation() || copy->frozen()) continue;
    if (copy->applied() > step) return parts_.Miss(step);
  }
  for (const auto& [id, copy] : copies_) {
    if (copy->applied() == step) TakeForCheckpoint(*copy, step);
  }
}

void Shard::OnSession() {
  entries_.OnSession();
  parts_.OnSession();
}

JobReport Shard::Report() {
  JobReport report{.term = term_, .epoch = map_.epoch, .assignment_version = assignment_version_, .ready = ready_};
  report.entries = entries_.TakeNew();
  report.parts = parts_.TakeNew();
  report.failure = failure_;
  report.counters = counters_;
  report.counters["pool_peak_bytes"] = memory_.pooled_peak() * LargestChunk(*options_.plan) * sizeof(float);
  if (!ready_) return report;
  LeafSet missing(options_.plan->leaves);
  std::optional<LateLeaves::Missing> first;
  const auto look = [&](const ChunkCopy& copy, uint32_t use) {
    if (copy.applied() != done_ || copy.covered(use).full()) return;
    const LeafSet lacking = copy.covered(use).Complement();
    missing.AddAll(lacking);
    if (!first.has_value()) first = {.step = done_ + 1, .chunk = copy.id(), .use = use, .leaves = lacking};
  };
  if (done_ < options_.plan->last_step) {
    for (const Position& position : positions_) look(*position.copy, position.use);
  }
  const auto evaluation = copies_.find(options_.plan->layout.evaluation_chunk());
  if (evaluation != copies_.end() && done_ < options_.plan->last_protocol_step()) look(*evaluation->second, 0);
  if (missing.empty()) return report;
  report.open.push_back({.step = done_ + 1, .missing = missing});
  std::vector<const Hello*> hellos;
  for (const auto& [id, stream] : streams_) {
    if (stream.greeted) hellos.push_back(&stream.hello);
  }
  if (std::optional<Wait> wait = late_.Describe(*first, hellos)) report.waits.push_back(*std::move(wait));
  return report;
}

// ---- Streams.

void Shard::OnHello(StreamId id, const Hello& hello) {
  if (hello.term < term_) return Refuse(id, absl::StrCat("hello of term ", hello.term));
  Stream& stream = streams_[id];
  stream.hello = hello;
  // One of a term that this server has not reached yet waits for it.
  if (ready_ && hello.term == term_) Greet(id, stream);
}

// Rule R2: a stream begins with State, and so does every epoch.
void Shard::Greet(StreamId id, Stream& stream) {
  stream.greeted = true;
  State state{.term = term_, .epoch = map_.epoch, .done_through = done_, .window_end = window_.end()};
  for (const auto& [chunk, copy] : copies_) AppendState(*copy, state);
  if (stream.hello.epoch < map_.epoch) state.map = map_;
  stream.hello.epoch = map_.epoch;
  stream.told_done = done_;
  stream.told_window = window_.end();
  output_.Send(id, std::move(state));
}

void Shard::AppendState(const ChunkCopy& copy, State& state) const {
  for (uint32_t use = 0; use < copy.uses(); ++use) {
    state.chunks.push_back(
        {.chunk = copy.id(), .use = use, .applied = copy.applied(), .covered = copy.covered(use)});
  }
}

void Shard::SendState(StreamId id, const ChunkCopy& copy) {
  State state{.term = term_, .epoch = map_.epoch, .done_through = done_, .window_end = window_.end()};
  AppendState(copy, state);
  output_.Send(id, std::move(state));
}

void Shard::Refuse(StreamId id, const std::string& why) {
  streams_.erase(id);
  output_.Close(id, absl::FailedPreconditionError(absl::StrCat(why, why.empty() ? "" : ", ", "the job is at term ",
                                                               term_, " here; open the stream again at its term")));
}

void Shard::OnClosed(StreamId id) { streams_.erase(id); }

void Shard::OnTick(absl::Time now) { late_.OnTick(now); }

void Shard::Fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

}  // namespace banyan::server
