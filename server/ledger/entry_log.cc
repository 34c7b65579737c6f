#include "server/ledger/entry_log.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

namespace banyan::server {

std::vector<Entry> EntryLog::Of(ChunkId chunk) const {
  std::vector<Entry> entries;
  std::ranges::copy_if(entries_, std::back_inserter(entries), [chunk](const Entry& e) { return e.chunk == chunk; });
  return entries;
}

void EntryLog::Add(Entry entry) {
  bytes_ += BytesOf(entry);
  entries_.push_back(std::move(entry));
}

void EntryLog::AddMissing(const std::vector<Entry>& entries) {
  std::set<std::tuple<Term, Step, ChunkId>> wanted;
  for (const Entry& entry : entries) wanted.emplace(entry.term, entry.step, entry.chunk);
  for (const Entry& entry : entries_) wanted.erase({entry.term, entry.step, entry.chunk});
  for (const Entry& entry : entries) {
    if (wanted.contains({entry.term, entry.step, entry.chunk})) Add(entry);
  }
}

std::vector<Entry> EntryLog::TakeNew(size_t most_bytes) {
  std::vector<Entry> entries;
  size_t bytes = 0;
  for (; told_ < entries_.size() && most_bytes > 0; ++told_) {
    bytes += BytesOf(entries_[told_]);
    if (bytes > most_bytes && !entries.empty()) break;
    entries.push_back(entries_[told_]);
  }
  return entries;
}

void EntryLog::ForgetThrough(Step step) {
  std::deque<Entry> kept;
  size_t told = 0;
  bytes_ = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].step <= step) continue;
    if (i < told_) ++told;
    bytes_ += BytesOf(entries_[i]);
    kept.push_back(std::move(entries_[i]));
  }
  entries_ = std::move(kept);
  told_ = told;
}

void EntryLog::Clear() {
  entries_.clear();
  bytes_ = 0;
  told_ = 0;
}

}  // namespace banyan::server
