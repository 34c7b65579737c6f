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
    : options_(std::move(options)),
      output_(output),
      memory_(LargestChunk(*options_.plan)),
      window_(0, 0),
      entries_(options_.entry_bytes) {}

Shard::Part Shard::PartIn(const Options& options, const ChunkMap& map, ChunkId chunk) {
  const auto here = [&](uint32_t index) {
    const ChunkMap::Server& server = map.servers[index];
    return server.id == options.server && server.incarnation == options.incarnation &&
           chunk.value() % server.shards == options.shard;
  };
  const ChunkMap::Owner& owner = map.owners[chunk.value()];
  if (here(owner.primary)) return Part::kPrimary;
  return std::ranges::any_of(owner.backups, here) ? Part::kBackup : Part::kNone;
}

bool Shard::WritesParts(const Options& options, const ChunkMap& map) {
  for (uint32_t id = 0; id < options.plan->layout.chunk_count(); ++id) {
    if (PartIn(options, map, ChunkId(id)) == Part::kPrimary) return true;
  }
  return false;
}

uint64_t Shard::BytesNeeded(const Options& options, const ChunkMap& map) {
  uint64_t elements = 0;
  for (uint32_t id = 0; id < options.plan->layout.chunk_count(); ++id) {
    if (PartIn(options, map, ChunkId(id)) == Part::kNone) continue;
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
  if (order.assignment.has_value()) assignment_ = *order.assignment;
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
  window_.SetMaxPending(max_pending());
  OrderCheckpoint(order.checkpoint_step);
  ForgetEntries(order.ledger_through);
}

void Shard::ForgetEntries(Step through) {
  const bool waited = entries_.full();
  const size_t before = entries_.size();
  entries_.ForgetThrough(through);
  if (entries_.size() == before || !ready_) return;
  if (std::exchange(states_wait_, false)) GreetFollowers();
  if (!waited) return;
  for (const auto& [id, copy] : copies_) {
    TryCommit(*copy);
    if (!failure_.empty()) return;
  }
  TellMarks();
}

std::optional<Wait> Shard::WaitForLines() const {
  if (!full_since_.has_value()) return std::nullopt;
  return Wait{.what = "lines",
              .detail = absl::StrCat("the ledger entries from step ", entries_.oldest(), " on take ", entries_.bytes(),
                                     " bytes; steps go on when the coordinator has written their lines"),
              .since = absl::ToDoubleSeconds(*full_since_ - absl::UnixEpoch())};
}

void Shard::StartTerm(const JobOrder& order) {
  term_ = order.term;
  map_ = *order.map;
  restore_ = *order.restore;
  ready_ = false;
  failure_.clear();
  restore_failed_ = false;
  for (auto it = streams_.begin(); it != streams_.end();) {
    const auto stream = it++;
    if (stream->second.hello.term < term_) Refuse(stream->first, "");
  }
  // Partials give their pool buffers back: copies go before anything else.
  positions_.clear();
  position_.clear();
  roots_.clear();
  ledgers_.clear();
  copies_.clear();
  backups_.clear();
  restoring_.clear();
  entries_.Clear();
  states_wait_ = false;
  late_.Reset();
  done_ = restore_.step;

  RestoreWork work{.term = term_, .point = restore_};
  for (uint32_t i = 0; i <= options_.plan->layout.chunk_count(); ++i) {
    const ChunkId id(i);
    const Part part = PartIn(options_, map_, id);
    if (part == Part::kNone) continue;
    std::unique_ptr<ChunkCopy> copy = MakeCopy(id);
    restoring_.insert(id);
    if (!copy->evaluation()) {
      work.chunks.push_back({.chunk = id, .weights = copy->weights_buffer(), .slots = copy->slot_buffers()});
    }
    (part == Part::kPrimary ? copies_ : backups_).emplace(id, std::move(copy));
  }
  ArrangePositions();
  parts_.Start(term_, map_.epoch);
  ConnectFollowers();
  output_.Restore(std::move(work));
}

std::unique_ptr<ChunkCopy> Shard::MakeCopy(ChunkId id) {
  return std::make_unique<ChunkCopy>(
      ChunkCopy::Options{.id = id, .plan = options_.plan, .rule = options_.rule, .level = options_.level}, memory_);
}

// The window and its positions, of step done_ + 1.
void Shard::ArrangePositions() {
  positions_.clear();
  position_.clear();
  tensors_ = 0;
  for (const auto& [id, copy] : copies_) tensors_ += copy->evaluation() ? 0 : 1;
  for (const ChunkUse& position : options_.plan->layout.positions()) {
    const auto copy = copies_.find(position.chunk);
    if (copy == copies_.end()) continue;
    std::vector<size_t>& places = position_[position.chunk];
    places.resize(copy->second->uses());
    places[position.use] = positions_.size();
    positions_.push_back({.copy = copy->second.get(), .use = position.use});
  }
  window_ = Window(positions_.size(), options_.pool_bytes / (LargestChunk(*options_.plan) * sizeof(float)));
  StartWindow();
}

// Copies that were backups may be a step ahead of the others, or have the whole root of the step that begins.
void Shard::StartWindow() {
  window_.Start(max_pending());
  for (size_t i = 0; i < positions_.size(); ++i) {
    const ChunkCopy& copy = *positions_[i].copy;
    if (copy.applied() > done_ || copy.use_complete(positions_[i].use)) window_.Complete(i);
  }
}

void Shard::OnRestored(Term term, const absl::Status& status) {
  if (term != term_ || ready_) return;
  if (!status.ok()) {
    restore_failed_ = true;
    return Fail(absl::StrCat("restore @", restore_.step, ": ", std::string(status.message())));
  }
  ready_ = true;
  for (Copies* copies : {&copies_, &backups_}) {
    for (auto& [id, copy] : *copies) {
      // One that came with a newer map is given its state.
      if (restoring_.contains(id)) copy->Start(copy->evaluation() ? EvaluationStandsAt(restore_.step) : restore_.step);
    }
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
  GreetFollowers();
  for (const auto& [stream, greeting] : leaders_) TellAllHeld(stream);
}

// Roles change: all that workers are told begins anew, and so does what copies tell each other.
void Shard::TakeMap(const ChunkMap& map) {
  const Epoch before = map_.epoch;
  map_ = map;
  for (uint32_t i = 0; i <= options_.plan->layout.chunk_count(); ++i) TakePart(ChunkId(i), before);
  if (!failure_.empty()) return;
  parts_.Start(term_, map_.epoch);
  if (ready_) {
    done_ = options_.plan->last_protocol_step();
    for (const auto& [id, copy] : copies_) done_ = std::min(done_, StepsDone(*copy));
  }
  ArrangePositions();
  ConnectFollowers();
  if (!ready_) return;
  for (auto& [id, stream] : streams_) {
    if (stream.greeted) Greet(id, stream);
  }
  GreetFollowers();
  for (const auto& [stream, greeting] : leaders_) TellAllHeld(stream);
  // Parts begin anew, of a step that no chunk is past: another part would never be whole, nor told to be missed.
  Step newest = 0;
  for (const auto& [id, copy] : copies_) {
    if (!copy->evaluation() && !copy->frozen()) newest = std::max(newest, copy->applied());
  }
  for (const auto& [id, copy] : copies_) {
    const bool restored = copy->applied() == restore_.step && restore_.step != 0;
    if (!copy->frozen() && !restored && copy->applied() == newest) TakeForCheckpoint(*copy, newest);
  }
  OrderCheckpoint(checkpoint_step_);
  // What waited for a backup that is gone goes on; so does a root that came before its primary was.
  for (const auto& [id, copy] : copies_) TryCommit(*copy);
  TellMarks();
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
  followers_.OnSession();
}

JobReport Shard::Report(size_t entry_bytes) {
  JobReport report{.term = term_, .epoch = map_.epoch, .assignment_version = assignment_.version, .ready = ready_};
  report.entries = entries_.TakeNew(entry_bytes);
  report.parts = parts_.TakeNew();
  report.in_sync = followers_.TakeInSync();
  report.failure = failure_;
  report.restore_failed = restore_failed_;
  report.counters = counters_;
  report.counters["pool_peak_bytes"] = memory_.pooled_peak() * LargestChunk(*options_.plan) * sizeof(float);
  if (!ready_) return report;
  if (std::optional<Wait> wait = WaitForLines()) report.waits.push_back(*std::move(wait));
  if (std::optional<Wait> wait = WaitForHeld()) report.waits.push_back(*std::move(wait));
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
  // Open it is, too, when all leaves are here and backups or sums are not.
  if (done_ < options_.plan->last_protocol_step()) report.open.push_back({.step = done_ + 1, .missing = missing});
  if (!first.has_value()) return report;
  if (std::optional<Wait> wait = late_.Describe(*first, assignment_.shares)) report.waits.push_back(*std::move(wait));
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

void Shard::OnClosed(StreamId id) {
  streams_.erase(id);
  leaders_.erase(id);
}

void Shard::OnTick(absl::Time now) {
  now_ = now;
  late_.OnTick(now);
  full_since_ = entries_.full() ? std::optional(full_since_.value_or(now)) : std::nullopt;
  for (const auto& [id, copy] : copies_) {
    const auto root = roots_.find(id);
    if (root != roots_.end() && !root->second.waits_since.has_value()) root->second.waits_since = now;
  }
}

void Shard::Fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

}  // namespace banyan::server
