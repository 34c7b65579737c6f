#ifndef BANYAN_SERVER_LEDGER_ENTRY_LOG_H_
#define BANYAN_SERVER_LEDGER_ENTRY_LOG_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "common/protocol/messages.h"

namespace banyan::server {

// Rule R13 on a server: the entries of applied steps, kept until the coordinator has written their lines, and told
// again to every new Session. Thread-compatible.
class EntryLog {
 public:
  void Add(Entry entry) { entries_.push_back(std::move(entry)); }

  // Those of a chunk, for its new backup; and there, those that are not known.
  std::vector<Entry> Of(ChunkId chunk) const;
  void AddMissing(const std::vector<Entry>& entries);

  // Those that this session has not been told.
  std::vector<Entry> TakeNew();

  // A new session: it has been told nothing.
  void OnSession() { told_ = 0; }

  // Lines are durable up to this step.
  void ForgetThrough(Step step);

  void Clear();

  size_t size() const { return entries_.size(); }

 private:
  std::deque<Entry> entries_;  // in the order of their making
  size_t told_ = 0;            // the first so many
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_LEDGER_ENTRY_LOG_H_
