#include "coordinator/jobs/overdue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace banyan::coordinator {
namespace {

struct Deadline {
  std::string_view what;
  absl::Duration duration;
};

// Of workers, servers, primaries and gates, which say so themselves once their own patience is over; of the coordinator.
constexpr Deadline kDeadlines[] = {
    {"state", absl::Seconds(10)},   {"weights", absl::Seconds(10)}, {"window", absl::Seconds(10)},
    {"done", absl::Seconds(10)},    {"leaves", absl::Seconds(1)},   {"held", absl::Milliseconds(500)},
    {"sums", absl::Milliseconds(500)},
};
constexpr absl::Duration kOthers = absl::Seconds(30);

double ToUnix(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

absl::Duration Age(const Wait& wait, absl::Time now) { return absl::Seconds(ToUnix(now) - wait.since); }

}  // namespace

absl::Duration DeadlineOf(std::string_view what) {
  const auto* const found = std::ranges::find_if(kDeadlines, [&](const Deadline& one) { return one.what == what; });
  return found == std::end(kDeadlines) ? kOthers : found->duration;
}

std::vector<NamedWait> Overdue::Take(std::vector<NamedWait> waits, absl::Time now) {
  std::map<Key, Known> known;
  std::vector<NamedWait> news;
  overdue_.clear();
  for (NamedWait& one : waits) {
    const Key key(one.who, one.wait.what, one.wait.parties);
    const auto before = known_.find(key);
    Known& entry = known.try_emplace(key, before == known_.end() ? Known{.first_seen = now} : before->second).first->second;
    if (one.wait.since == 0) one.wait.since = ToUnix(entry.first_seen);
    if (Age(one.wait, now) < DeadlineOf(one.wait.what)) continue;
    if (!std::exchange(entry.told, true)) news.push_back(one);
    overdue_.push_back(std::move(one));
  }
  known_ = std::move(known);
  return news;
}

std::string WaitText(const NamedWait& wait, absl::Time now) {
  const absl::Duration age = absl::Trunc(Age(wait.wait, now), absl::Milliseconds(100));
  return absl::StrCat("waits ", absl::FormatDuration(age), " for ", wait.wait.what, ": ", wait.wait.detail);
}

}  // namespace banyan::coordinator
