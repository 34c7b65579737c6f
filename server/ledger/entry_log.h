#ifndef BANYAN_SERVER_LEDGER_ENTRY_LOG_H_
#define BANYAN_SERVER_LEDGER_ENTRY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "common/protocol/messages.h"

namespace banyan::server {

// Rule R13 on a server: the entries of applied steps, kept until the coordinator has written their lines, and told
// again to every new Session. While the coordinator is away they pile up, so the log can be full: then no step may be
// committed, and what it takes grows by the step under way at most. Thread-compatible.
class EntryLog {
 public:
  // `most_bytes` of memory, as BytesOf counts it.
  explicit EntryLog(size_t most_bytes = SIZE_MAX) : most_bytes_(most_bytes) {}

  static size_t BytesOf(const Entry& entry) { return sizeof(Entry) + entry.parts.size() * sizeof(SegmentSum); }

  void Add(Entry entry);

  // Those of a chunk, for its new backup; and there, those that are not known.
  std::vector<Entry> Of(ChunkId chunk) const;
  void AddMissing(const std::vector<Entry>& entries);

  // The first that this session has not been told, `most_bytes` of them, or one.
  std::vector<Entry> TakeNew(size_t most_bytes = SIZE_MAX);

  // A new session: it has been told nothing.
  void OnSession() { told_ = 0; }

  // Lines are durable up to this step.
  void ForgetThrough(Step step);

  void Clear();

  bool full() const { return bytes_ >= most_bytes_; }
  size_t bytes() const { return bytes_; }
  size_t size() const { return entries_.size(); }
  // Of an entry that is kept; 0 when there are none.
  Step oldest() const { return entries_.empty() ? 0 : entries_.front().step; }

 private:
  const size_t most_bytes_;
  size_t bytes_ = 0;
  std::deque<Entry> entries_;  // in the order of their making
  size_t told_ = 0;            // the first so many
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_LEDGER_ENTRY_LOG_H_
