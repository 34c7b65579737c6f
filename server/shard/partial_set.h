#ifndef BANYAN_SERVER_SHARD_PARTIAL_SET_H_
#define BANYAN_SERVER_SHARD_PARTIAL_SET_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "common/cpu/cpu_level.h"
#include "common/tensor/payload.h"
#include "common/tree/cover.h"
#include "common/tree/leaf_set.h"
#include "common/tree/node.h"
#include "common/tree/tree.h"
#include "server/shard/chunk_memory.h"

namespace banyan::server {

// The partials of one use of one chunk in one step: rule R1 (cover) of docs/protocol.md. What is stored are exactly the
// maximal full subtrees of `covered`, so whatever arrives, split however, in any order, repeated: every leaf is summed
// once, and in tree order.
//
// The first data that is stored lies in the accumulator, the rest in pool buffers; the root ends up in the accumulator.
// All-zero partials take no buffer. Thread-compatible.
class PartialSet {
 public:
  // A partial as it came: `data` are little-endian fp32 elements, any alignment; ignored when `zero`.
  struct Partial {
    Node node;
    double weight = 0;
    double loss = 0;
    bool zero = false;
    const Payload* data = nullptr;
  };

  enum class Outcome {
    kTaken,
    kCovered,     // all its leaves are there already
    kNoRoom,      // it needs a pool buffer beyond `room`; nothing changed
    kMisspelled,  // no canonical name of the tree
  };

  // Partials of `elements` elements each. `memory` outlives the set.
  PartialSet(const Tree& tree, size_t elements, CpuLevel level, ChunkMemory& memory);
  ~PartialSet() { Clear(); }
  PartialSet(const PartialSet&) = delete;
  PartialSet& operator=(const PartialSet&) = delete;

  // Where the first data goes; not read before. Needed before the first Add that is not covered.
  void SetAccumulator(BufferRef accumulator) { accumulator_ = std::move(accumulator); }

  // `room` is how many more pool buffers may be taken.
  Outcome Add(const Partial& partial, size_t room);

  bool complete() const { return cover_.complete(); }
  const LeafSet& covered() const { return cover_.covered(); }
  const Tree& tree() const { return cover_.tree(); }
  // Pool buffers held.
  size_t pooled() const { return pooled_; }

  // The root, once complete(). Its elements are in the accumulator, unless zero.
  struct Root {
    double weight = 0;
    double loss = 0;
    bool zero = false;
  };
  Root root() const;

  // Forgets everything, the accumulator too.
  void Clear();

 private:
  struct Stored {
    BufferRef buffer;  // null: all zero
    double weight = 0;
    double loss = 0;
  };

  std::span<float> Values(const BufferRef& buffer) const { return buffer->values().first(elements_); }
  // Whether data at `node` can be kept without another pool buffer.
  bool FindsRoom(Node node) const;
  BufferRef TakeBuffer();
  void Release(Stored& stored);
  Stored Extract(Node node);
  void Join(Stored& into, Stored other);
  void MoveToAccumulator(Stored& root);

  const size_t elements_;
  const CpuLevel level_;
  ChunkMemory& memory_;
  Cover cover_;
  std::map<Node, Stored> stored_;
  BufferRef accumulator_;
  bool accumulator_used_ = false;
  size_t pooled_ = 0;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_PARTIAL_SET_H_
