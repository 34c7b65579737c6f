// What a step machine does next: StepMachine::Advance and its parts, in the order in which they run.
#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "worker/client/audit.h"
#include "worker/client/step_machine.h"

namespace banyan::worker {

// A dropped partial's set comes free when the network has let go of it.
constexpr absl::Duration kRoomAfter = absl::Milliseconds(10);

using LeafState = LeafTargets::LeafState;
using SlotState = LeafTargets::Slot::State;

std::vector<StepOutput> StepMachine::Advance(const Resources& resources) {
  if (over_) {
    if (!left_) {
      for (const StreamId stream : peers_.Reset()) outputs_.push_back(CloseStream{stream});
      targets_.Clear();
      outputs_.push_back(Leave{});
      left_ = true;
    }
    return std::exchange(outputs_, {});
  }
  OpenStreams();
  BeginOpenStep();
  if (open_step_ != 0) {
    Retarget();
    outstanding_ = Outstanding();
    MoveWeights();
    PullWeights();
    StartLeaves(resources);
    SendPushes();
  }
  return std::exchange(outputs_, {});
}

void StepMachine::OpenStreams() {
  if (term_ == 0) return;
  for (Peers::Peer* peer : peers_.OpenDue(now_)) {
    Hello hello{.term = term_,
                .epoch = peers_.epoch(),
                .worker = options_.worker,
                .incarnation = options_.incarnation,
                .shard = peer->id.shard};
    outputs_.push_back(OpenStream{*peer->stream, peer->id, peer->endpoint, std::move(hello)});
  }
}

void StepMachine::BeginOpenStep() {
  const std::optional<Step> done = peers_.DoneThrough();
  if (!done || *done + 1 <= open_step_) return;
  if (open_step_ != 0 && Outstanding()) ++counters_.steps_abandoned;
  open_step_ = *done + 1;
  ++generation_;
  targets_.Clear();
  for (auto& [id, peer] : peers_.all()) {
    peer.queue.clear();
    peer.refused.clear();
  }
  computed_.assign(options_.leaves, false);
  running_train_ = 0;
  audits_.clear();
  audits_chosen_ = false;
  retarget_ = true;
  // Versions that are out of force for good.
  while (assignments_.size() > 1 && assignments_[1].from_step <= open_step_) assignments_.erase(assignments_.begin());
  outputs_.push_back(BeginStep{generation_, open_step_});
}

const Assignment* StepMachine::InForce() const {
  for (auto assignment = assignments_.rbegin(); assignment != assignments_.rend(); ++assignment) {
    if (assignment->from_step <= open_step_) return &*assignment;
  }
  return nullptr;
}

const std::vector<Node>& StepMachine::AssignedNodes() const {
  static const std::vector<Node> none;
  const Assignment* const assignment = InForce();
  if (assignment == nullptr) return none;
  for (const Assignment::Share& share : assignment->shares) {
    if (share.worker == options_.worker) return share.nodes;
  }
  return none;
}

bool StepMachine::Due(Pass pass) const {
  if (last_step_ != 0 && open_step_ > last_step_) return false;
  return pass == Pass::kTrain ? open_step_ <= options_.steps : options_.evaluate(open_step_);
}

Position StepMachine::PositionOf(Pass pass, uint32_t slot) const {
  return pass == Pass::kTrain ? options_.positions[slot] : Position{chunks_.evaluation(), 0};
}

void StepMachine::Retarget() {
  if (!std::exchange(retarget_, false)) return;
  ChooseAudits();
  LeafSet assigned(tree_.leaves());
  for (const Node& node : AssignedNodes()) assigned.Add(tree_.Leaves(node));
  for (const Pass pass : {Pass::kTrain, Pass::kEvaluate}) {
    const std::vector<Position> evaluation = {PositionOf(Pass::kEvaluate, 0)};
    const LeafSet missing = chunks_.Missing(pass == Pass::kTrain ? options_.positions : evaluation, open_step_);
    const LeafSet mine = Due(pass) ? assigned : LeafSet(tree_.leaves());
    for (StepOutput& output : targets_.Retarget(pass, mine, missing.Complement())) {
      outputs_.push_back(std::move(output));
    }
  }
}

bool StepMachine::Wanted(const LeafTargets::Target& target, uint32_t slot) const {
  return chunks_.Wanted(PositionOf(target.pass, slot), open_step_, tree_.Leaves(target.node));
}

bool StepMachine::Needed(const LeafTargets::Target& target) const {
  for (uint32_t i = 0; i < target.slots.size(); ++i) {
    if (target.slots[i].state == SlotState::kMissing && Wanted(target, i)) return true;
  }
  return false;
}

bool StepMachine::Outstanding() const {
  if (running_train_ > 0) return true;
  return std::any_of(targets_.all().begin(), targets_.all().end(), [&](const auto& entry) {
    return Due(entry.second.pass) && Needed(entry.second);
  });
}

// Rule R3: while leaves of the open step are to be computed, the weights before it; then those after it.
Step StepMachine::WantedWeights(ChunkId chunk) const {
  if (open_step_ == 0) return 0;
  return !outstanding_ && chunks_.at(chunk).applied >= open_step_ ? open_step_ : open_step_ - 1;
}

void StepMachine::MoveWeights() {
  if (running_ > 0) return;
  for (uint32_t i = 0; i < chunks_.with_elements(); ++i) {
    ChunkTable::Chunk& chunk = chunks_.at(ChunkId(i));
    if (!chunk.aside) continue;
    if (chunk.aside->step == WantedWeights(ChunkId(i)) || chunk.frozen) {
      if (chunk.held != chunk.aside->step) {
        chunk.held = chunk.aside->step;
        outputs_.push_back(std::move(*chunk.aside));
      }
      chunk.aside.reset();
    } else if (chunk.aside->step + 1 < open_step_) {
      chunk.aside.reset();
    }
  }
}

void StepMachine::PullWeights() {
  for (uint32_t i = 0; i < chunks_.with_elements(); ++i) {
    ChunkTable::Chunk& chunk = chunks_.at(ChunkId(i));
    const Step step = chunk.frozen ? chunk.applied : WantedWeights(ChunkId(i));
    if (chunk.held && (chunk.frozen || *chunk.held == step)) continue;
    if ((chunk.aside && chunk.aside->step == step) || chunk.asked == step || chunk.moved) continue;
    if (chunk.applied != step && chunk.applied != step + 1) continue;
    Peers::Peer* peer = peers_.Of(ChunkId(i));
    if (peer == nullptr || !peers_.InTouch(*peer)) continue;
    chunk.asked = step;
    ++peer->writes;
    outputs_.push_back(Send{*peer->stream, Pull{term_, step, ChunkId(i)}, 0});
  }
}

// Rule R4.
bool StepMachine::MayPush() const {
  const std::optional<Step> done = peers_.DoneThrough();
  return done && *done + 1 >= open_step_;
}

// Once a step: whoever's leaves move later, they have been computed by somebody else than this worker.
void StepMachine::ChooseAudits() {
  const Assignment* const assignment = InForce();
  if (audits_chosen_ || options_.audit == 0 || assignment == nullptr) return;
  audits_chosen_ = true;
  if (!Due(Pass::kTrain)) return;
  audits_since_ = now_;
  audits_ = AuditsOf(options_.worker, *assignment, tree_, options_.seed, options_.audit, open_step_);
}

void StepMachine::StartAudits(Resources& resources) {
  for (; !audits_.empty() && resources.lanes > 0 && resources.sets > 0; --resources.lanes, --resources.sets) {
    outputs_.push_back(ComputeLeaf{generation_, open_step_, audits_.back(), Pass::kAudit});
    audits_.pop_back();
    ++running_audits_;
    ++running_;
  }
}

void StepMachine::StartLeaves(Resources resources) {
  if (!chunks_.HoldsAll(open_step_ - 1)) return;
  // First, for the step may be over before others' leaves would have their turn.
  StartAudits(resources);
  // What could be pushed at once comes first, or two targets would take each other's sets for ever.
  std::vector<LeafTargets::Target*> order;
  for (auto& [id, target] : targets_.all()) {
    if (Due(target.pass) && !target.AllBegun() && Needed(target)) order.push_back(&target);
  }
  std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
    return std::pair(a->pass, !Urgent(*a)) < std::pair(b->pass, !Urgent(*b));
  });
  bool short_of_sets = false;
  for (LeafTargets::Target* target : order) {
    if (target->pass == Pass::kTrain && short_of_sets) continue;
    for (uint32_t i = 0; i < target->leaves.size() && resources.lanes > 0; ++i) {
      if (target->leaves[i] != LeafState::kTodo) continue;
      if (target->pass == Pass::kTrain && resources.sets == 0) {
        short_of_sets = true;
        break;
      }
      StartLeaf(*target, i, resources);
    }
  }
  if (short_of_sets && running_ == 0) MakeRoom();
}

void StepMachine::StartLeaf(LeafTargets::Target& target, uint32_t index, Resources& resources) {
  target.leaves[index] = LeafState::kRunning;
  --resources.lanes;
  ++running_;
  if (target.pass == Pass::kTrain) {
    --resources.sets;
    ++running_train_;
  }
  outputs_.push_back(ComputeLeaf{generation_, open_step_, target.first_leaf + index, target.pass});
}

bool StepMachine::InWindow(const LeafTargets::Target& target, uint32_t slot) {
  const Peers::Peer* peer = peers_.Of(PositionOf(target.pass, slot).chunk);
  if (peer == nullptr || !peers_.InTouch(*peer) || !MayPush()) return false;
  return target.pass == Pass::kEvaluate || (peer->mark && peers_.RankOf(slot) < peer->mark->window_end);
}

bool StepMachine::Urgent(const LeafTargets::Target& target) {
  for (uint32_t i = 0; i < target.slots.size(); ++i) {
    if (target.slots[i].state == SlotState::kMissing && Wanted(target, i) && InWindow(target, i)) return true;
  }
  return false;
}

// Rule R11: all gradient sets are taken by targets that cannot be pushed now, and one that could be has none. What is
// retained is only a cache (rule R7): drop one target's and compute it again when the window has come to it.
void StepMachine::MakeRoom() {
  if (now_ < room_at_) return;
  for (const auto& [id, peer] : peers_.all()) {
    if (peer.writes > 0) return;  // a set may come free by itself
  }
  const LeafTargets::Target* urgent = nullptr;
  for (auto& [id, target] : targets_.all()) {
    if (target.pass == Pass::kTrain && !target.AllBegun() && Urgent(target)) {
      urgent = &target;
      break;
    }
  }
  if (urgent == nullptr) return;
  LeafTargets::Target* victim = nullptr;
  for (auto& [id, target] : targets_.all()) {
    if (&target == urgent || !target.HoldsSet()) continue;
    bool pushable = false;
    bool unsent = false;
    for (uint32_t i = 0; i < target.slots.size(); ++i) {
      if (target.slots[i].state != SlotState::kReady || !Wanted(target, i)) continue;
      unsent = true;
      pushable = pushable || InWindow(target, i);
    }
    if (pushable) continue;
    victim = &target;
    if (!unsent && target.AllBegun()) break;  // costs nothing unless a server dies
  }
  if (victim == nullptr) return;
  for (uint32_t i = 0; i < victim->slots.size(); ++i) {
    if (victim->slots[i].state != SlotState::kReady) continue;
    peers_.Of(PositionOf(Pass::kTrain, i).chunk)->queue.erase({peers_.RankOf(i), victim->id});
  }
  targets_.Drop(*victim);
  ++counters_.sets_dropped;
  room_at_ = now_ + kRoomAfter;
  outputs_.push_back(DropTarget{Pass::kTrain, victim->node});
}

void StepMachine::SendPushes() {
  if (!MayPush()) return;
  for (auto& [id, peer] : peers_.all()) {
    if (!peers_.InTouch(peer)) continue;
    if (!peer.refused.empty() && now_ >= peer.resend_at) SendRefusedAgain(peer);
    SendFrom(peer);
  }
}

void StepMachine::SendRefusedAgain(Peers::Peer& peer) {
  for (const auto& [rank, id] : std::exchange(peer.refused, {})) {
    LeafTargets::Target* target = targets_.FindById(id);
    const uint32_t index = rank == Peers::kEvaluationRank ? 0 : peer.positions[rank];
    if (target == nullptr || target->slots[index].state != SlotState::kSettled || !Wanted(*target, index)) continue;
    target->slots[index].state = target->slots[index].partial ? SlotState::kReady : SlotState::kMissing;
    if (target->slots[index].partial) peer.queue.insert({rank, id});
  }
}

// Lowest position first, and only inside the window: what stands behind it is overtaken (rule R11).
void StepMachine::SendFrom(Peers::Peer& peer) {
  for (auto next = peer.queue.begin(); next != peer.queue.end() && peer.writes < Peers::kMaxWrites;) {
    const auto [rank, id] = *next;
    const bool evaluation = rank == Peers::kEvaluationRank;
    if (!evaluation && rank >= peer.mark->window_end) {
      next = peer.queue.lower_bound({Peers::kEvaluationRank, 0});
      continue;
    }
    LeafTargets::Target* target = targets_.FindById(id);
    const uint32_t index = evaluation ? 0 : peer.positions[rank];
    if (target != nullptr && (chunks_.at(PositionOf(target->pass, index).chunk).moved || !Due(target->pass))) {
      ++next;
      continue;
    }
    if (target != nullptr && target->slots[index].state == SlotState::kReady) {
      if (Wanted(*target, index)) SendPush(peer, *target, index);
      target->slots[index].state = SlotState::kSettled;
    }
    next = peer.queue.erase(next);
  }
}

void StepMachine::SendPush(Peers::Peer& peer, LeafTargets::Target& target, uint32_t slot) {
  const PartialReady& partial = *target.slots[slot].partial;
  const Position position = PositionOf(target.pass, slot);
  ++peer.writes;
  ++counters_.partials_pushed;
  counters_.bytes_pushed += partial.data.size();
  if (running_train_ > 0) counters_.bytes_pushed_in_backward += partial.data.size();
  const uint32_t rank = target.pass == Pass::kTrain ? peers_.RankOf(slot) : Peers::kEvaluationRank;
  outputs_.push_back(Send{*peer.stream, Push{.term = term_,
                                             .step = open_step_,
                                             .chunk = position.chunk,
                                             .use = position.use,
                                             .node = partial.node,
                                             .weight = partial.weight,
                                             .loss = partial.loss,
                                             .zero = partial.zero,
                                             .data = partial.data},
                          rank == Peers::kEvaluationRank ? rank : rank + 1});
}

}  // namespace banyan::worker
