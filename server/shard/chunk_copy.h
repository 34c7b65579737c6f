#ifndef BANYAN_SERVER_SHARD_CHUNK_COPY_H_
#define BANYAN_SERVER_SHARD_CHUNK_COPY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/cpu/cpu_level.h"
#include "common/job/job_plan.h"
#include "common/optimizer/update_rule.h"
#include "common/protocol/messages.h"
#include "common/tensor/payload.h"
#include "server/shard/chunk_memory.h"
#include "server/shard/partial_set.h"

namespace banyan::server {

// A server's copy of one chunk: weights and slots @applied, the weights of the step before as long as they are kept,
// and the partials of step applied + 1 (docs/protocol.md, section 4: R1, R5, R6).
//
// Two buffers beside the slots: the accumulator of step t+1 becomes the new weights in place, the old weights become
// `previous`, and the first push of the next step, of any use, takes that buffer as its accumulator. Each further use
// (tied weights) has an accumulator of its own. A buffer that is still being sent or written is left to its reader and
// replaced. The evaluation chunk is a copy without elements.
//
// A primary's copy collects partials; a backup's is given whole roots, or a whole state. Thread-compatible.
class ChunkCopy {
 public:
  enum class Phase {
    kCollecting,
    kWhole,  // the root is there; waits for backups and ledger
  };

  struct Options {
    ChunkId id;
    const JobPlan* plan = nullptr;     // outlives the copy
    const UpdateRule* rule = nullptr;  // outlives the copy
    CpuLevel level = CpuLevel::kSse2;
  };

  // `memory` outlives the copy.
  ChunkCopy(const Options& options, ChunkMemory& memory);

  ChunkId id() const { return options_.id; }
  size_t elements() const { return elements_; }
  uint32_t uses() const { return static_cast<uint32_t>(sets_.size()); }
  bool evaluation() const { return layout_ == nullptr; }
  bool frozen() const { return sets_.empty(); }
  Step applied() const { return applied_; }
  Phase phase() const { return phase_; }
  // A copy that was just made, or that can no longer be trusted.
  bool empty() const { return empty_; }
  // Leaves of step applied + 1.
  const LeafSet& covered(uint32_t use) const { return phase_ == Phase::kWhole ? all_ : sets_[use]->covered(); }
  bool use_complete(uint32_t use) const { return phase_ == Phase::kWhole || sets_[use]->complete(); }
  size_t pooled(uint32_t use) const { return sets_[use]->pooled(); }

  // Buffers for weights and slots, to be filled (gaps with zeros) before Start.
  BufferRef weights_buffer() const { return weights_; }
  const std::vector<BufferRef>& slot_buffers() const { return slots_; }

  // The buffers hold the chunk @step.
  void Start(Step step) {
    applied_ = step;
    empty_ = false;
  }
  void Empty();

  // A partial of step applied + 1; releases `previous`. `room`: pool buffers that may be taken.
  PartialSet::Outcome Add(const Push& push, size_t room);

  // What is known of a root: weight and loss are the last use's; parts are its segments' sums of squares.
  struct Root {
    double weight = 0;
    double loss = 0;
    std::vector<SegmentSum> parts;  // only `with_parts`
  };
  // Once every use is complete: adds the uses up, in order.
  Root Complete(bool with_parts);
  // The same for a root that a primary completed, `data` of the chunk's size; releases `previous`.
  Root Store(const banyan::Root& root, bool with_parts);
  // The whole root's elements.
  Payload LendRoot() const { return elements_ == 0 ? Payload() : Lend(other_); }
  // Forgets the partials and the root of step applied + 1.
  void ForgetStep();

  // Makes the chunk @applied + 1 of the root.
  UpdateResult Apply(const UpdateStep& step, const Ledger& ledger);

  // The evaluation chunk stands just before its next due step.
  void JumpTo(Step applied) { applied_ = applied; }

  // Weights @applied, or @applied - 1 while they are kept, with the ledger of the step that made them (none for a
  // restore point).
  struct Version {
    Payload data;
    std::optional<Ledger> ledger;
  };
  std::optional<Version> At(Step step) const;

  // Weights and slots @applied, for a writer; training goes on.
  struct Snapshot {
    Payload weights;
    std::vector<Payload> slots;  // in the order of the rule's slot names
  };
  Snapshot Take() const;

  // A copy's state for a backup, without its entries, and the other way round; INVALID_ARGUMENT when sizes differ.
  ChunkState Describe() const;
  absl::Status Load(const ChunkState& state);
  const std::optional<Ledger>& ledger() const { return ledger_; }

 private:
  void OpenStep();
  void CombineUses();
  std::vector<SegmentSum> Parts() const;
  void FreeForWriting(BufferRef& buffer);

  const Options options_;
  ChunkMemory& memory_;
  const Chunk* const layout_;  // null: evaluation
  const size_t elements_;
  LeafSet all_;  // all leaves
  bool empty_ = true;
  Step applied_ = 0;
  Phase phase_ = Phase::kCollecting;
  BufferRef weights_;
  BufferRef other_;  // `previous`, or the accumulator of use 0
  bool has_previous_ = false;
  bool open_ = false;  // a partial of step applied + 1 has come
  std::vector<BufferRef> slots_;
  std::vector<BufferRef> reserved_;  // accumulators of uses 1, 2, ...
  std::vector<std::unique_ptr<PartialSet>> sets_;  // by use
  std::optional<Ledger> ledger_;           // of step applied
  std::optional<Ledger> previous_ledger_;  // of step applied - 1
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_CHUNK_COPY_H_
