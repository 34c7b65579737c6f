#include "worker/client/step_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace banyan::worker {
namespace {

constexpr absl::Duration kResendAfter = absl::Milliseconds(10);

bool IsOver(JobState state) {
  using enum JobState;
  return state == kPaused || state == kStopped || state == kSucceeded || state == kFailed;
}

}  // namespace

StepMachine::StepMachine(StepMachineOptions options)
    : options_(std::move(options)),
      tree_(options_.leaves),
      peers_(options_.positions, ChunkId(options_.chunks)),
      chunks_(tree_, options_.chunks, options_.positions),
      targets_(tree_, static_cast<uint32_t>(options_.positions.size())),
      computed_(options_.leaves, false) {}

void StepMachine::OnOrder(const JobOrder& order) {
  if (order.coordinator_term < coordinator_term_ || order.term < term_ || over_) return;
  coordinator_term_ = order.coordinator_term;
  if (order.term > term_) {
    for (const StreamId stream : peers_.Reset()) outputs_.push_back(CloseStream{stream});
    chunks_.Reset();
    targets_.Clear();
    assignments_.clear();
    open_step_ = 0;
    running_train_ = 0;
    audits_.clear();
    term_ = order.term;
  }
  over_ = IsOver(order.state);
  last_step_ = order.last_step;
  if (order.map && (!peers_.has_map() || order.map->epoch > peers_.epoch())) AdoptMap(*order.map);
  if (!order.assignment) {
    assignments_.clear();
  } else if (assignments_.empty() || order.assignment->version > assignments_.back().version) {
    assignments_.push_back(*order.assignment);
  }
  retarget_ = true;
}

void StepMachine::AdoptMap(const ChunkMap& map) {
  CHECK_EQ(map.owners.size(), chunks_.size());
  for (const StreamId stream : peers_.Adopt(map)) outputs_.push_back(CloseStream{stream});
  for (uint32_t i = 0; i < chunks_.size(); ++i) {
    // Whoever is the primary now has not been asked.
    chunks_.at(ChunkId(i)).asked.reset();
    chunks_.at(ChunkId(i)).covered.clear();
  }
  for (auto& [id, peer] : peers_.all()) {
    if (peer.mark && peer.mark->epoch == map.epoch) LearnDone(peer);
    if (peers_.InTouch(peer)) Resync(peer);
  }
}

void StepMachine::OnMessage(StreamId stream, ToWorker message) {
  Peers::Peer* peer = peers_.Find(stream);
  if (peer == nullptr) return;
  peer->last_heard = now_;
  if (auto* state = std::get_if<State>(&message)) {
    OnState(stream, std::move(*state));
  } else if (auto* weights = std::get_if<banyan::Weights>(&message)) {
    OnWeights(*peer, std::move(*weights));
  } else {
    OnMoved(*peer, std::get<Moved>(message));
  }
}

void StepMachine::OnState(StreamId stream, State state) {
  if (state.term != term_) return;  // rule R10; the order with its term will open streams anew
  if (state.map && state.map->epoch > peers_.epoch() && state.map->owners.size() == chunks_.size()) {
    AdoptMap(*state.map);
  }
  Peers::Peer* peer = peers_.Find(stream);
  if (peer == nullptr) return;
  const bool anew = !peer->heard || state.epoch != peer->state_epoch;
  peer->heard = true;
  peer->broken = false;
  peer->backoff = absl::ZeroDuration();
  peer->state_epoch = state.epoch;
  TakeMark(*peer, state.epoch, state.done_through, state.window_end);
  for (const State::Chunk& chunk : state.chunks) {
    if (chunk.chunk.value() < chunks_.size() && peers_.Of(chunk.chunk) == peer) chunks_.SetCovered(chunk);
  }
  if (anew) {
    Resync(*peer);
  } else {
    for (const State::Chunk& chunk : state.chunks) NoteRefused(*peer, chunk);
  }
  retarget_ = true;
}

// A push was dropped: what this peer has been sent of the chunk and does not have is under way, or was refused for want
// of room. A moment later it is sent again; a second copy of what was under way does no harm (rule R1).
void StepMachine::NoteRefused(Peers::Peer& peer, const State::Chunk& chunk) {
  const bool evaluation = chunk.chunk == chunks_.evaluation();
  for (uint32_t rank = 0; rank < (evaluation ? 1 : peer.positions.size()); ++rank) {
    const uint32_t index = evaluation ? 0 : peer.positions[rank];
    const Position position = PositionOf(evaluation ? Pass::kEvaluate : Pass::kTrain, index);
    if (position != Position{chunk.chunk, chunk.use}) continue;
    for (const auto& [id, target] : targets_.all()) {
      if ((target.pass == Pass::kEvaluate) != evaluation) continue;
      if (target.slots[index].state != LeafTargets::Slot::State::kSettled || !Wanted(target, index)) continue;
      if (peer.refused.empty()) peer.resend_at = now_ + kResendAfter;
      peer.refused.insert({evaluation ? Peers::kEvaluationRank : rank, id});
    }
  }
}

void StepMachine::OnWeights(Peers::Peer& peer, banyan::Weights weights) {
  if (weights.term != term_) return;
  TakeMark(peer, weights.epoch, weights.done_through, weights.window_end);
  if (!weights.chunk || weights.chunk->value() >= chunks_.size()) return;
  const ChunkId chunk = *weights.chunk;
  chunks_.SetApplied(chunk, weights.step);
  if (chunk == chunks_.evaluation()) return;
  if (chunks_.at(chunk).asked == weights.step) chunks_.at(chunk).asked.reset();
  counters_.bytes_pulled += weights.data.size();
  outstanding_ = Outstanding();
  chunks_.PutAside(Install{chunk, weights.step, std::move(weights.data)}, WantedWeights(chunk));
}

// Rule R4: a mark counts at the epoch it was sent at; Peers compares.
void StepMachine::TakeMark(Peers::Peer& peer, Epoch epoch, Step done, uint32_t window_end) {
  if (peer.mark && epoch < peer.mark->epoch) return;
  const bool news = !peer.mark || epoch != peer.mark->epoch || done != peer.mark->done;
  peer.mark = Peers::Mark{epoch, done, window_end};
  if (news && epoch == peers_.epoch()) LearnDone(peer);
}

void StepMachine::LearnDone(const Peers::Peer& peer) {
  for (uint32_t i = 0; i < chunks_.size(); ++i) {
    if (peers_.Of(ChunkId(i)) != &peer) continue;
    // The step after the last one holds only the evaluation chunk: without it a peer is through at once.
    const bool evaluation = ChunkId(i) == chunks_.evaluation();
    chunks_.SetApplied(ChunkId(i), evaluation ? peer.mark->done : std::min(peer.mark->done, options_.steps));
  }
}

void StepMachine::OnMoved(Peers::Peer& peer, const Moved& moved) {
  if (moved.chunk.value() >= chunks_.size() || peers_.Of(moved.chunk) != &peer) return;
  chunks_.at(moved.chunk).moved = true;
  chunks_.at(moved.chunk).asked.reset();
}

// Rule R2: what is not covered is sent again, from the cache or by computing it.
void StepMachine::Resync(Peers::Peer& peer) {
  using State = LeafTargets::Slot::State;
  peer.queue.clear();
  peer.refused.clear();
  for (uint32_t i = 0; i < chunks_.size(); ++i) {
    if (peers_.Of(ChunkId(i)) != &peer) continue;
    chunks_.at(ChunkId(i)).asked.reset();
    chunks_.at(ChunkId(i)).moved = false;
  }
  const auto again = [&](uint32_t rank, uint32_t id, LeafTargets::Slot& slot) {
    slot.state = slot.partial ? State::kReady : State::kMissing;
    if (slot.partial) peer.queue.insert({rank, id});
  };
  for (auto& [id, target] : targets_.all()) {
    if (target.pass == Pass::kEvaluate) {
      if (peer.has_evaluation) again(Peers::kEvaluationRank, id, target.slots[0]);
      continue;
    }
    for (uint32_t rank = 0; rank < peer.positions.size(); ++rank) again(rank, id, target.slots[peer.positions[rank]]);
  }
  retarget_ = true;
}

void StepMachine::OnWritten(StreamId stream) {
  Peers::Peer* peer = peers_.Find(stream);
  if (peer != nullptr && peer->writes > 0) --peer->writes;
}

void StepMachine::OnStreamClosed(StreamId stream) {
  Peers::Peer* peer = peers_.Find(stream);
  if (peer == nullptr) return;
  peers_.Closed(*peer, now_);
}

void StepMachine::OnPartialReady(PartialReady partial) {
  if (partial.generation != generation_) return;
  LeafTargets::Target* target = targets_.FindByNode(partial.pass, partial.node);
  if (target == nullptr) return;
  CHECK_LT(partial.position, target->slots.size());
  const uint32_t index = partial.position;
  LeafTargets::Slot& slot = target->slots[index];
  slot.partial = std::move(partial);
  if (slot.state != LeafTargets::Slot::State::kMissing) return;
  slot.state = LeafTargets::Slot::State::kReady;
  Peers::Peer* peer = peers_.Of(PositionOf(target->pass, index).chunk);
  const uint32_t rank = target->pass == Pass::kTrain ? peers_.RankOf(index) : Peers::kEvaluationRank;
  if (peer != nullptr) peer->queue.insert({rank, target->id});
}

void StepMachine::OnLeafComputed(Generation generation, uint32_t leaf, Pass pass) {
  CHECK_GT(running_, 0u);
  --running_;
  if (pass == Pass::kAudit) {
    --running_audits_;
    ++counters_.leaves_audited;
    return;
  }
  ++(pass == Pass::kTrain ? counters_.leaves_computed : counters_.evaluation_leaves_computed);
  if (generation != generation_) return;
  if (pass == Pass::kTrain) {
    --running_train_;
    if (computed_[leaf]) ++counters_.leaves_recomputed;
    computed_[leaf] = true;
  }
  LeafTargets::Target* target = targets_.FindByLeaf(pass, leaf);
  if (target != nullptr) target->leaves[leaf - target->first_leaf] = LeafTargets::LeafState::kDone;
}

bool StepMachine::ready() const { return open_step_ != 0 && chunks_.HoldsAllSince(open_step_ - 1); }

std::vector<uint64_t> StepMachine::broken_peers() const {
  std::vector<uint64_t> broken;
  for (const auto& [id, peer] : peers_.all()) {
    if (peer.broken && (broken.empty() || broken.back() != id.server.value())) broken.push_back(id.server.value());
  }
  return broken;
}

size_t StepMachine::PulledFrom(const Peers::Peer& peer) const {
  size_t pulled = 0;
  for (uint32_t i = 0; i < chunks_.with_elements(); ++i) {
    pulled += chunks_.at(ChunkId(i)).asked.has_value() && peers_.Of(ChunkId(i)) == &peer ? 1 : 0;
  }
  return pulled;
}

std::vector<Wait> StepMachine::Waits() const {
  std::vector<Wait> waits;
  const auto add = [&](const Peers::Peer& peer, const char* what, std::string detail) {
    const bool heard = peer.last_heard != absl::InfinitePast();
    const double since = heard ? absl::ToDoubleSeconds(peer.last_heard - absl::UnixEpoch()) : 0;
    waits.push_back(Wait{what, {peer.id.server.value()}, std::move(detail), since});
  };
  for (const auto& [id, peer] : peers_.all()) {
    const std::string name = absl::StrCat("server ", id.server.value(), " shard ", id.shard);
    if (!peers_.InTouch(peer)) {
      add(peer, "state",
          absl::StrCat(name, " at ", peer.endpoint, " has not said its state at epoch ", peers_.epoch()));
    } else if (peer.mark && peer.mark->done + 1 < open_step_) {
      add(peer, "done", absl::StrCat(name, " is through step ", peer.mark->done, ", step ", open_step_, " is open"));
    } else if (peer.mark && !peer.queue.empty() && peer.queue.begin()->first >= peer.mark->window_end) {
      add(peer, "window",
          absl::StrCat(name, " takes positions below ", peer.mark->window_end, ", the next ready one is ",
                       peer.queue.begin()->first));
    } else if (const size_t pulled = PulledFrom(peer); outstanding_ && pulled > 0) {
      add(peer, "weights",
          absl::StrCat(name, " has not sent ", pulled, " chunks, for step ", open_step_, " to be computed"));
    } else if (peer.mark && peer.mark->done < open_step_ && !outstanding_) {
      add(peer, "weights", absl::StrCat(name, " has not finished step ", open_step_));
    }
  }
  // Who waits for it is the coordinator, at the job's end.
  if (!audits_.empty() || running_audits_ > 0) {
    waits.push_back({.what = "audits",
                     .detail = absl::StrCat(audits_.size() + running_audits_, " leaves of step ", open_step_),
                     .since = absl::ToDoubleSeconds(audits_since_ - absl::UnixEpoch())});
  }
  return waits;
}

}  // namespace banyan::worker
