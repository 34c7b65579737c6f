#ifndef BANYAN_COMMON_PROTOCOL_MESSAGES_H_
#define BANYAN_COMMON_PROTOCOL_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/protocol/chunk_map.h"
#include "common/protocol/ids.h"
#include "common/tensor/payload.h"
#include "common/tree/leaf_set.h"
#include "common/tree/node.h"

// What workers and servers say to each other, as plain values: the protocol's state machines take and give these, and
// common/rpc carries them. proto/parameter_server.proto documents every field; a message here is its proto twin.
namespace banyan {

// What is known of a step once it is applied.
struct Ledger {
  Step step = 0;
  double weight = 0;
  double loss = 0;
  std::optional<double> norm;
  bool finite = true;
  double loss_scale = 1;
  double learning_rate = 0;

  friend bool operator==(const Ledger&, const Ledger&) = default;
};

// Sum of squares of one segment of a chunk of a step's root.
struct SegmentSum {
  ChunkId chunk;
  uint32_t segment = 0;
  double sum_of_squares = 0;

  friend bool operator==(const SegmentSum&, const SegmentSum&) = default;
};

// One chunk's part of a step's ledger line.
struct Entry {
  Term term = 0;
  Step step = 0;
  ChunkId chunk;
  double weight = 0;
  double loss = 0;
  bool finite = true;
  bool skipped = false;
  uint64_t fingerprint = 0;
  std::vector<SegmentSum> parts;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// ---- Worker to server.

struct Hello {
  Term term = 0;
  Epoch epoch = 0;
  WorkerId worker;
  Incarnation incarnation;
  uint32_t shard = 0;
};

struct Push {
  Term term = 0;
  Step step = 0;
  ChunkId chunk;
  uint32_t use = 0;
  Node node;
  double weight = 0;
  double loss = 0;
  bool zero = false;
  Payload data;  // fp32, the chunk's elements; empty when zero or for the evaluation chunk
};

struct Pull {
  Term term = 0;
  Step step = 0;
  ChunkId chunk;
};

using ToServer = std::variant<Hello, Push, Pull>;

// ---- Server to worker.

struct State {
  struct Chunk {
    ChunkId chunk;
    uint32_t use = 0;
    Step applied = 0;
    LeafSet covered;
  };

  Term term = 0;
  Epoch epoch = 0;
  Step done_through = 0;
  uint32_t window_end = 0;
  std::vector<Chunk> chunks;
  std::optional<ChunkMap> map;
};

struct Weights {
  Term term = 0;
  Epoch epoch = 0;
  Step step = 0;
  std::optional<ChunkId> chunk;  // absent: only done_through or window_end moved
  std::optional<Ledger> ledger;
  Step done_through = 0;
  uint32_t window_end = 0;
  Payload data;  // fp32, the chunk's elements
};

struct Moved {
  Epoch epoch = 0;
  ChunkId chunk;
  std::optional<ServerId> primary;
};

using ToWorker = std::variant<State, Weights, Moved>;

// ---- A primary's shard to a backup's, and back.

// "I lead these copies": the first frame of a stream, and of every epoch; answered by Held.
struct Greeting {
  Term term = 0;
  Epoch epoch = 0;
  ServerId server;  // the primary's
  Incarnation incarnation;
  uint32_t shard = 0;  // of the backup's server
};

// A whole root. `before`: of the step before, where ledgers are agreed on.
struct Root {
  Term term = 0;
  Epoch epoch = 0;
  Step step = 0;
  ChunkId chunk;
  double weight = 0;
  double loss = 0;
  std::optional<Ledger> before;
  Payload data;  // fp32, the chunk's elements; empty for the evaluation chunk
};

// A whole copy.
struct ChunkState {
  Term term = 0;
  Epoch epoch = 0;
  Step applied = 0;
  ChunkId chunk;
  std::optional<Ledger> ledger;           // of step applied
  std::optional<Ledger> previous_ledger;  // of the step before
  std::vector<Entry> entries;             // whose lines may not be written
  Payload weights;                        // fp32, the chunk's elements; empty for the evaluation chunk
  std::vector<Payload> slots;             // in the order of the rule's slot names
  std::optional<Payload> previous;        // weights @applied - 1, while they are kept
};

using ToBackup = std::variant<Greeting, Root, ChunkState>;

// "I hold this", a promise to the primary of this epoch.
struct Held {
  struct Chunk {
    ChunkId chunk;
    std::optional<Step> applied;  // absent: nothing
    Epoch root_epoch = 0;         // in which root(applied + 1) came; 0: it is not here
  };

  Term term = 0;
  Epoch epoch = 0;
  std::vector<Chunk> chunks;
};

// ---- Server to server.

struct Sum {
  Term term = 0;
  Epoch epoch = 0;
  Step step = 0;
  ServerId from;
  std::vector<SegmentSum> parts;
  bool finite = true;
  std::optional<double> weight;
  std::optional<double> loss;
  bool ask = false;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_PROTOCOL_MESSAGES_H_
