#ifndef BANYAN_SERVER_LEDGER_GATE_H_
#define BANYAN_SERVER_LEDGER_GATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/protocol/ids.h"
#include "common/protocol/messages.h"
#include "common/protocol/session.h"

namespace banyan::server {

// What the gate says.
class GateOutput {
 public:
  virtual ~GateOutput() = default;

  // To another server.
  virtual void SendSum(ServerId to, const Sum& sum) = 0;

  // To every shard of this server: ledger(step) is fixed. Once a step and term.
  virtual void Decide(Term term, const Ledger& ledger) = 0;
};

// One tensor: its segments in order of its elements.
struct GateTensor {
  struct Segment {
    ChunkId chunk;
    uint32_t index = 0;  // in the chunk's list of segments
  };
  std::string name;
  std::vector<Segment> segments;
};

// Rule R8 of docs/protocol.md, for jobs with clipping: one server's half of the agreement on ledger(t). It gathers the
// sums of squares of the server's own chunks, sends them to the others when it has all of them, and fixes ledger(t)
// when it knows the sums of every segment: joined up each tensor's tree, tensors in byte order of name, so that every
// server fixes the same. Sums of the last two steps are kept, and given to whoever asks or connects. Who waits long
// asks, also where sums of its own chunks are missing: those may be further on, applied elsewhere before they came
// here.
//
// A sum is true whoever sends it and however often; sums of another term are refused. Pure and thread-compatible.
class Gate {
 public:
  struct Options {
    ServerId self;
    std::vector<GateTensor> tensors;
    ChunkId ledger_chunk;  // its root has the step's weight and loss
    absl::Duration ask_after = absl::Milliseconds(500);
  };

  // `output` outlives the gate.
  Gate(Options options, GateOutput& output);

  // A term or a map: who has which chunks. A new term forgets everything.
  void OnOrder(Term term, const ChunkMap& map);

  // A chunk of this server has its root of `step`: the sum of squares of each of its segments.
  void OnCommitted(Step step, ChunkId chunk, const std::vector<SegmentSum>& parts, double weight, double loss);

  // From another server. INVALID_ARGUMENT when it names a segment that does not exist.
  absl::Status OnSum(const Sum& sum);

  // A stream to `peer` has opened: it may have missed anything.
  void OnPeerOpened(ServerId peer);

  // Asks for what has been missing for long.
  void OnTick(absl::Time now);

  Term term() const { return term_; }

  // For whom this server waits, and since when. Empty: nobody.
  std::vector<Wait> Waits() const;

 private:
  struct StepSums {
    std::vector<std::optional<double>> sums;  // by slot
    size_t known = 0;
    std::optional<double> weight;
    double loss = 0;
    bool sent = false;
    bool decided = false;
    bool committed_here = false;  // a chunk of this server waits for the ledger
    std::optional<absl::Time> waits_since;
    std::optional<absl::Time> asked;
  };

  bool AwaitsOthers(const StepSums& sums) const;
  std::optional<size_t> SlotOf(ChunkId chunk, uint32_t segment) const;
  StepSums* At(Step step);
  bool Keep(StepSums& sums, const SegmentSum& part);
  void Settle(Step step, StepSums& sums);
  bool CompleteHere(const StepSums& sums) const;
  Sum Collect(Step step, const StepSums& sums, bool own_only) const;
  std::vector<ServerId> Missing(const StepSums& sums) const;
  void Decide(Step step, StepSums& sums);

  const Options options_;
  GateOutput& output_;
  // Slots number all segments, tensor by tensor.
  std::vector<size_t> first_slot_;                  // by tensor
  std::map<ChunkId, std::vector<size_t>> slots_;    // by chunk, then segment
  std::vector<ChunkId> chunk_of_slot_;
  Term term_ = 0;
  ChunkMap map_;
  std::map<Step, StepSums> steps_;  // the last two
  std::optional<absl::Time> now_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_LEDGER_GATE_H_
