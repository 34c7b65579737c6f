#include "coordinator/jobs/progress.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace banyan::coordinator {
namespace {

// Told of what goes on.
constexpr size_t kMost = 4;

uint64_t Count(const std::map<std::string, uint64_t>& counters, const std::string& name) {
  const auto found = counters.find(name);
  return found == counters.end() ? 0 : found->second;
}

// Done, for the first time or again.
uint64_t Leaves(const std::map<std::string, uint64_t>& counters) {
  return Count(counters, "leaves_computed") + Count(counters, "evaluation_leaves_computed");
}

uint64_t Work(const std::map<std::string, uint64_t>& counters) {
  const uint64_t leaves = Count(counters, "leaves_computed") - Count(counters, "leaves_recomputed");
  return leaves + Count(counters, "evaluation_leaves_computed") + Count(counters, "partials_taken") +
         Count(counters, "chunks_applied");
}

}  // namespace

void Progress::Made(absl::Duration now) {
  at_ = now;
  ++made_;
}

void Progress::Hear(const std::string& name, const Counters& counters, uint64_t model_bytes, absl::Duration now) {
  const auto [known, fresh] = processes_.try_emplace(name);
  Process& process = known->second;
  if (std::exchange(process.as_of, made_) != made_) process.then = process.now;
  const Counters before = std::exchange(process.now, counters);
  // Another life of it counts from nothing.
  const bool same = !fresh && std::ranges::all_of(before, [&](const auto& counter) {
    return Count(counters, counter.first) >= counter.second;
  });
  if (!same) {
    process.then = counters;
  } else if (Work(counters) > Work(before)) {
    Made(now);
  } else if (Count(counters, "layers_run") > Count(before, "layers_run") && Leaves(counters) == Leaves(process.then)) {
    at_ = now;
  } else if (const uint64_t pulled = Count(counters, "bytes_pulled");
             pulled > Count(before, "bytes_pulled") && pulled - Count(process.then, "bytes_pulled") <= model_bytes) {
    at_ = now;
  }
}

std::string Progress::Meanwhile() const {
  std::vector<std::pair<uint64_t, std::string>> grown;
  for (const auto& [name, process] : processes_) {
    if (process.as_of != made_) continue;
    for (const auto& [counter, value] : process.now) {
      const uint64_t before = Count(process.then, counter);
      // Bytes say the same in larger numbers.
      if (value <= before || counter.starts_with("bytes_")) continue;
      grown.emplace_back(value - before, absl::StrCat(name, " counts ", value - before, " ", counter, " more"));
    }
  }
  std::ranges::sort(grown, std::greater<>());
  grown.resize(std::min(grown.size(), kMost));
  return absl::StrJoin(grown, ", ", [](std::string* out, const auto& one) { out->append(one.second); });
}

}  // namespace banyan::coordinator
