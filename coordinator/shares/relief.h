#ifndef BANYAN_COORDINATOR_SHARES_RELIEF_H_
#define BANYAN_COORDINATOR_SHARES_RELIEF_H_

#include <functional>
#include <vector>

#include "common/tree/balance.h"
#include "common/tree/leaf_set.h"
#include "common/tree/node.h"
#include "common/tree/share.h"
#include "common/tree/tree.h"

namespace banyan::coordinator {

// One worker in a step that is open, and what becomes of its nodes.
struct Hand {
  enum class Part {
    kHelps,         // keeps its nodes and may get more
    kKeeps,         // keeps its nodes
    kGivesMissing,  // late: gives those of its leaves that are missing
    kGivesAll,      // gone
  };

  std::vector<Node> nodes;
  WorkerPace pace;
  Part part = Part::kHelps;
};

// Who computes what of the open step from now on (docs/protocol.md section 7): the nodes that are given away and not yet
// covered are halved, the largest first, until there is one for each helper, as long as `fits` allows the partition that
// this makes; then the largest goes first, each to the helper that will have finished first. What is covered already and
// has lost its owner goes to whoever has least: it is computed again only if a server dies.
//
// `missing`: the leaves that are not covered on some chunk, or more. Returns the nodes of each hand, a partition of the
// root as the hands' nodes are. CHECKs that somebody helps. Deterministic.
LeafPlan Relieve(const Tree& tree, const std::vector<Hand>& hands, const LeafSet& missing,
                 const std::function<bool(const std::vector<Node>& partition)>& fits);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SHARES_RELIEF_H_
