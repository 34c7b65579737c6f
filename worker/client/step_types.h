#ifndef BANYAN_WORKER_CLIENT_STEP_TYPES_H_
#define BANYAN_WORKER_CLIENT_STEP_TYPES_H_

#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/strong_id.h"
#include "common/protocol/messages.h"
#include "common/tree/node.h"

// What goes into and comes out of a worker's step machine.
namespace banyan::worker {

// One shard of one life of a server: the unit a worker has a stream with. It keeps its own window and done_through.
struct PeerId {
  ServerId server;
  Incarnation incarnation;
  uint32_t shard = 0;

  friend auto operator<=>(const PeerId&, const PeerId&) = default;
};

// One stream; a number is used once.
using StreamId = StrongId<struct StreamTag, uint64_t>;

// A gradient tree: one use of one chunk.
struct Position {
  ChunkId chunk;
  uint32_t use = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

// One beginning of a step; a step that is begun again (another term) has a new one. Never 0.
using Generation = uint64_t;

// The nodes that a step's leaves are summed into and pushed as. Of the training samples, or of the held-out ones.
// kAudit: a leaf of another worker, to compare with; it is no part of any target.
enum class Pass { kTrain, kEvaluate, kAudit };

// The sum over a target's leaves of one position (of the evaluation chunk when `pass` is kEvaluate).
struct PartialReady {
  Generation generation = 0;
  Pass pass = Pass::kTrain;
  uint32_t position = 0;  // index into the job's positions; 0 for kEvaluate
  Node node;
  double weight = 0;
  double loss = 0;
  bool zero = false;
  Payload data;  // keeps its gradient set taken until the last copy is dropped
};

// ---- What the machine wants done, in order.

// Connect and say hello. Everything heard on the stream, its end included, carries its number.
struct OpenStream {
  StreamId stream;
  PeerId peer;
  std::string endpoint;
  Hello hello;
};
struct CloseStream {
  StreamId stream;
};
// A push or pull; answered by OnWritten.
struct Send {
  StreamId stream;
  ToServer message;
  uint32_t priority = 0;  // a lower one may overtake: pulls before pushes, pushes by window position
};
// Forget all partials: from now on leaves of this step are summed.
struct BeginStep {
  Generation generation = 0;
  Step step = 0;
};
// Sum the leaves of `node` and report it when complete.
struct AddTarget {
  Pass pass = Pass::kTrain;
  Node node;
};
// `node`, which is not complete, becomes the disjoint `parts` of it; what has been computed of it lies inside them.
struct SplitTarget {
  Pass pass = Pass::kTrain;
  Node node;
  std::vector<Node> parts;
};
// Forget what has been summed of `node`; its leaves may come again.
struct DropTarget {
  Pass pass = Pass::kTrain;
  Node node;
};
// Forward and backward of a leaf on weights step - 1, or for kEvaluate forward of held-out run `leaf`; answered by
// PartialReady (but for kAudit) and then OnLeafComputed.
struct ComputeLeaf {
  Generation generation = 0;
  Step step = 0;
  uint32_t leaf = 0;
  Pass pass = Pass::kTrain;
};
// Put these weights in the place of those of the chunk. No leaf is being computed.
struct Install {
  ChunkId chunk;
  Step step = 0;
  Payload data;
};
// The job is over for this worker.
struct Leave {};

using StepOutput = std::variant<OpenStream, CloseStream, Send, BeginStep, AddTarget, SplitTarget, DropTarget,
                                ComputeLeaf, Install, Leave>;

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_STEP_TYPES_H_
