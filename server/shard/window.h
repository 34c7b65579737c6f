#ifndef BANYAN_SERVER_SHARD_WINDOW_H_
#define BANYAN_SERVER_SHARD_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace banyan::server {

// Which (chunk, use) positions of a shard may be pushed now, so that what pends fits a pool of buffers
// (docs/protocol.md, "Memory: what pends, and the window"; rule R11).
//
// Positions stand in the order in which backward produces them. `lo` is the first whose use root is not complete;
// positions below `end` = lo + V may be pushed, V = max(1, pool / (h - 1)), all when h <= 1, where h is the most
// partials that pend on one position (its first lies in the chunk's accumulator, the others in the pool). Within a step
// `end` only rises: what was allowed stays allowed.
// Thread-compatible.
class Window {
 public:
  // `pool_buffers`: how many partials the pool is meant to hold.
  Window(size_t positions, size_t pool_buffers);

  // A new step begins: no position is complete. `max_pending` is h.
  void Start(uint32_t max_pending);

  // h from a new assignment. In the middle of a step a smaller one waits for the next Start; a greater one keeps `end`
  // and makes the capacity grow instead, for a promise once given is kept.
  void SetMaxPending(uint32_t max_pending);

  // The position's use root is complete. Idempotent.
  void Complete(size_t position);

  bool Allows(size_t position) const { return position < end_; }

  // positions() when all are complete.
  size_t lo() const { return lo_; }
  uint32_t end() const { return static_cast<uint32_t>(end_); }
  size_t positions() const { return complete_.size(); }

  // Pool buffers that the positions in the window may hold together.
  size_t capacity() const { return capacity_; }

  // Of them, those that position lo may take whatever the others have.
  size_t reserved() const { return max_pending_ > 1 ? max_pending_ - 1 : 0; }

 private:
  void Advance();

  size_t pool_buffers_;
  uint32_t max_pending_ = 1;
  size_t lo_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
  std::vector<bool> complete_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_WINDOW_H_
