#include "server/ledger/entry_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace banyan::server {

std::vector<Entry> EntryLog::Of(ChunkId chunk) const {
  std::vector<Entry> entries;
  std::ranges::copy_if(entries_, std::back_inserter(entries), [chunk](const Entry& e) { return e.chunk == chunk; });
  return entries;
}

void EntryLog::AddMissing(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const bool known = std::ranges::any_of(entries_, [&entry](const Entry& e) {
      return e.term == entry.term && e.step == entry.step && e.chunk == entry.chunk;
    });
    if (!known) entries_.push_back(entry);
  }
}

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
