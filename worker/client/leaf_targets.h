#ifndef BANYAN_WORKER_CLIENT_LEAF_TARGETS_H_
#define BANYAN_WORKER_CLIENT_LEAF_TARGETS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/tree/leaf_set.h"
#include "common/tree/tree.h"
#include "worker/client/step_types.h"

namespace banyan::worker {

// What a worker has to compute of the open step, and what it has computed: *targets*, disjoint nodes of the canonical
// tree, each with the state of its leaves and one slot for each gradient tree (kEvaluate: one slot). A leaf belongs to
// at most one target of a pass, however often the assignment changes, so nothing is summed twice by this worker.
// Thread-compatible.
class LeafTargets {
 public:
  enum class LeafState : uint8_t { kTodo, kRunning, kDone };

  struct Slot {
    enum class State : uint8_t {
      kMissing,  // not computed, or dropped before it was sent
      kReady,    // to be sent
      kSettled,  // sent on the present stream, or not wanted by the server
    };
    State state = State::kMissing;
    std::optional<PartialReady> partial;  // a cache: may be absent in any state but kReady
  };

  struct Target {
    uint32_t id = 0;
    Pass pass = Pass::kTrain;
    Node node;
    uint32_t first_leaf = 0;
    std::vector<LeafState> leaves;
    std::vector<Slot> slots;

    bool AllBegun() const;
    bool HoldsSet() const;  // some leaf has been computed and not dropped
  };

  LeafTargets(const Tree& tree, uint32_t positions) : tree_(tree), positions_(positions) {}

  // Forgets everything.
  void Clear() { targets_.clear(); }

  // Makes the targets of `pass` fit what is assigned now: a target whose leaves have all begun stays; another loses its
  // leaves that are neither begun nor assigned; assigned leaves in no target and not `settled` get new ones.
  std::vector<StepOutput> Retarget(Pass pass, const LeafSet& assigned, const LeafSet& settled);

  // Every leaf of the target is to be computed again; slots that were kReady are missing.
  void Drop(Target& target);

  Target* FindByNode(Pass pass, Node node);
  Target* FindByLeaf(Pass pass, uint32_t leaf);
  Target* FindById(uint32_t id);

  std::map<uint32_t, Target>& all() { return targets_; }
  const std::map<uint32_t, Target>& all() const { return targets_; }

 private:
  Target& Add(Pass pass, Node node);

  const Tree tree_;
  const uint32_t positions_;
  uint32_t next_id_ = 1;
  std::map<uint32_t, Target> targets_;  // by id: older first
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_LEAF_TARGETS_H_
