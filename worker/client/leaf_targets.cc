#include "worker/client/leaf_targets.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/tree/cover.h"

namespace banyan::worker {

bool LeafTargets::Target::AllBegun() const {
  return std::find(leaves.begin(), leaves.end(), LeafState::kTodo) == leaves.end();
}

bool LeafTargets::Target::HoldsSet() const {
  if (pass == Pass::kEvaluate) return false;
  if (std::find(leaves.begin(), leaves.end(), LeafState::kDone) == leaves.end()) return false;
  if (!AllBegun()) return true;
  return std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return slot.partial.has_value(); });
}

LeafTargets::Target& LeafTargets::Add(Pass pass, Node node) {
  const uint32_t id = next_id_++;
  Target& target = targets_[id];
  target.id = id;
  target.pass = pass;
  target.node = node;
  const LeafRange range = tree_.Leaves(node);
  target.first_leaf = range.begin;
  target.leaves.assign(range.size(), LeafState::kTodo);
  target.slots.resize(pass == Pass::kTrain ? positions_ : 1);
  return target;
}

std::vector<StepOutput> LeafTargets::Retarget(Pass pass, const LeafSet& assigned, const LeafSet& settled) {
  std::vector<StepOutput> outputs;
  std::vector<uint32_t> ids;
  for (const auto& [id, target] : targets_) {
    if (target.pass == pass) ids.push_back(id);
  }
  LeafSet taken = settled;
  for (const uint32_t id : ids) {
    Target& old = targets_.at(id);
    LeafSet kept(tree_.leaves());
    for (uint32_t i = 0; i < old.leaves.size(); ++i) {
      const uint32_t leaf = old.first_leaf + i;
      if (old.AllBegun() || old.leaves[i] != LeafState::kTodo || assigned.Contains(leaf)) kept.Add(leaf);
    }
    taken.AddAll(kept);
    std::vector<Node> parts = Cover(tree_, kept).Stored();
    if (parts.size() == 1 && parts[0] == old.node) continue;
    for (const Node& part : parts) {
      Target& added = Add(pass, part);
      for (uint32_t i = 0; i < added.leaves.size(); ++i) {
        added.leaves[i] = old.leaves[added.first_leaf + i - old.first_leaf];
      }
    }
    outputs.push_back(SplitTarget{pass, old.node, std::move(parts)});
    targets_.erase(id);
  }
  LeafSet fresh(tree_.leaves());
  for (const LeafRange& range : assigned.Ranges()) {
    for (uint32_t leaf = range.begin; leaf < range.end; ++leaf) {
      if (!taken.Contains(leaf)) fresh.Add(leaf);
    }
  }
  for (const Node& node : Cover(tree_, fresh).Stored()) {
    Add(pass, node);
    outputs.push_back(AddTarget{pass, node});
  }
  return outputs;
}

void LeafTargets::Drop(Target& target) {
  for (LeafState& leaf : target.leaves) {
    CHECK(leaf != LeafState::kRunning);
    leaf = LeafState::kTodo;
  }
  for (Slot& slot : target.slots) {
    if (slot.state == Slot::State::kReady) slot.state = Slot::State::kMissing;
    slot.partial.reset();
  }
}

LeafTargets::Target* LeafTargets::FindByNode(Pass pass, Node node) {
  for (auto& [id, target] : targets_) {
    if (target.pass == pass && target.node == node) return &target;
  }
  return nullptr;
}

LeafTargets::Target* LeafTargets::FindByLeaf(Pass pass, uint32_t leaf) {
  for (auto& [id, target] : targets_) {
    if (target.pass == pass && leaf >= target.first_leaf && leaf - target.first_leaf < target.leaves.size()) {
      return &target;
    }
  }
  return nullptr;
}

LeafTargets::Target* LeafTargets::FindById(uint32_t id) {
  const auto found = targets_.find(id);
  return found == targets_.end() ? nullptr : &found->second;
}

}  // namespace banyan::worker
