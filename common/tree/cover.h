#ifndef BANYAN_COMMON_TREE_COVER_H_
#define BANYAN_COMMON_TREE_COVER_H_

#include <vector>

#include "common/tree/leaf_set.h"
#include "common/tree/node.h"
#include "common/tree/tree.h"

namespace banyan {

// The receiver's rule for the partial sums of one accumulation (one use of one chunk in one step): what to do with each
// partial that arrives, in whatever order, repeated, and cut in whatever ways. It knows names only and owns no buffers.
//
// The stored partials are exactly the maximal full subtrees of the covered leaves, so they are disjoint, no two are
// siblings, and the set of covered leaves is the whole state. Nothing is summed twice, and every stored partial is the
// value of its name. Once all leaves are covered the one stored partial is the root.
//
// Thread-compatible.
class Cover {
 public:
  // One in-place addition: buffer(into) += buffer(from). The buffer of `into` is then called `result`, that of `from`
  // is free. `from` and `into` are siblings, `result` their parent. (IEEE addition commutes, so which of the two is
  // the left one does not matter to the bits.)
  struct Join {
    Node from;
    Node into;
    Node result;

    friend bool operator==(const Join&, const Join&) = default;
  };

  enum class Verdict {
    kStored,     // new leaves: do `released`, then `joins`
    kCovered,    // every leaf is here already: drop it
    kMisspelled  // no canonical name of this tree: refuse it
  };

  // What to do with an offered partial. Where stored: free the buffers of `released` (stored partials that it
  // contains); keep its own as the buffer of its name; perform `joins` in order (the first one's `from` is the offered
  // node, each further one's the `result` before).
  struct Decision {
    Verdict verdict = Verdict::kMisspelled;
    std::vector<Node> released;
    std::vector<Join> joins;
  };

  // Nothing covered.
  explicit Cover(const Tree& tree);

  // As after the arrival of exactly the leaves `covered`, over the same number of leaves.
  Cover(const Tree& tree, LeafSet covered);

  // Decides on a partial and, where it is stored, counts its leaves as covered. `node` may come from anywhere.
  Decision Offer(Node node);

  const Tree& tree() const { return tree_; }
  const LeafSet& covered() const { return covered_; }
  bool complete() const { return covered_.full(); }

  // The names of the stored partials, from left to right.
  std::vector<Node> Stored() const;

 private:
  void AppendStored(Node node, std::vector<Node>* stored) const;

  Tree tree_;
  LeafSet covered_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_COVER_H_
