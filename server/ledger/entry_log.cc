#include "server/ledger/entry_log.h"

#include <utility>

namespace banyan::server {

std::vector<Entry> EntryLog::TakeNew() {
  std::vector<Entry> entries(entries_.begin() + static_cast<std::ptrdiff_t>(told_), entries_.end());
  told_ = entries_.size();
  return entries;
}

void EntryLog::ForgetThrough(Step step) {
  std::deque<Entry> kept;
  size_t told = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].step <= step) continue;
    if (i < told_) ++told;
    kept.push_back(std::move(entries_[i]));
  }
  entries_ = std::move(kept);
  told_ = told;
}

void EntryLog::Clear() {
  entries_.clear();
  told_ = 0;
}

}  // namespace banyan::server
