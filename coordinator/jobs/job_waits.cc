#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/jobs/job_states.h"

// The seventh part of JobMachine: who waits for whom since when.
namespace banyan::coordinator {
namespace {

using enum JobState;

constexpr char kSelf[] = "coordinator";
// Shorter ones are in descriptions while they last; events stay.
constexpr absl::Duration kLeastTold = absl::Seconds(5);

}  // namespace

// Ids are what processes know each other by; people know names.
std::string JobMachine::NamesOf(const std::vector<uint64_t>& parties, Role role) const {
  const Processes& processes = role == Role::kServer ? servers_ : workers_;
  std::vector<std::string> names;
  for (const uint64_t id : parties) {
    const auto found = processes.find(id);
    names.push_back(found == processes.end() ? absl::StrCat("one that is gone, id ", id)
                                             : found->second.member.introduction.name);
  }
  return absl::StrJoin(names, ", ");
}

std::vector<NamedWait> JobMachine::Waits() const {
  std::vector<NamedWait> waits;
  for (const Processes* processes : {&servers_, &workers_}) {
    for (const auto& [id, process] : *processes) {
      if (!process.last.has_value()) continue;
      for (Wait wait : process.last->waits) {
        const std::string names = NamesOf(wait.parties, wait.what == "leaves" ? Role::kWorker : Role::kServer);
        if (!names.empty()) absl::StrAppend(&wait.detail, " (", names, ")");
        waits.push_back({.who = process.member.introduction.name, .wait = std::move(wait)});
      }
    }
  }
  AddOwnWaits(waits);
  return waits;
}

void JobMachine::AddOwnWaits(std::vector<NamedWait>& waits) const {
  const auto add = [&](const char* what, std::vector<uint64_t> parties, std::string detail) {
    const std::string names = NamesOf(parties, Role::kServer);
    if (!names.empty()) absl::StrAppend(&detail, " (", names, ")");
    waits.push_back({.who = kSelf, .wait = {.what = what, .parties = std::move(parties), .detail = std::move(detail)}});
  };
  if (this->waits() && !lacking_.empty()) add("processes", {}, lacking_);
  if (record_.state == kStarting && plan_ == nullptr && !workers_.empty()) {
    add("data", {}, absl::StrCat(workers_.begin()->second.member.introduction.name, " indexes them"));
  }
  if (searching_) add("restore point", {}, "the newest checkpoint of which every byte is right");
  if (!IsActive(record_.state) || term_is_over()) return;
  std::vector<uint64_t> loading;
  for (const auto& [id, process] : servers_) {
    if (!process.ready) loading.push_back(id);
  }
  if (!loading.empty() && record_.state == kStarting) add("restored", loading, "chunks are not loaded");
  std::set<uint64_t> behind;
  for (const ChunkMap::Owner& owner : record_.map.owners) {
    for (const uint32_t backup : owner.backups) {
      if (std::ranges::find(owner.in_sync, backup) == owner.in_sync.end()) {
        behind.insert(record_.map.servers[backup].id.value());
      }
    }
  }
  if (!behind.empty()) add("in_sync", {behind.begin(), behind.end()}, "copies of chunks are not in sync");
  if (record_.state == kRunning || record_.state == kStopping) {
    if (auto due = PartsDue()) add("parts", std::move(due->second), absl::StrCat("of the checkpoint of step ", due->first));
    std::set<uint64_t> silent;
    for (const ChunkId chunk : book_->Lacking(record_.term)) silent.insert(record_.map.PrimaryOf(chunk).id.value());
    if (!silent.empty()) {
      add("entries", {silent.begin(), silent.end()}, absl::StrCat("of step ", lines_through() + 1));
      waits.back().wait.since = absl::ToDoubleSeconds(told_since_ - absl::UnixEpoch());
    }
  }
  if (audits_due_.has_value() && !audits_due_->empty()) {
    waits.push_back({.who = kSelf,
                     .wait = {.what = "audits",
                              .parties = {audits_due_->begin(), audits_due_->end()},
                              .detail = absl::StrCat("what was computed of the last steps (",
                                                     NamesOf({audits_due_->begin(), audits_due_->end()},
                                                             Role::kWorker),
                                                     ")")}});
  }
  for (const Step step : publishing_) add("disk", {}, absl::StrCat("publishes the checkpoint of step ", step));
}

void JobMachine::TellOverdue(Now now) {
  for (const NamedWait& wait : overdue_.Take(Waits(), now.wall)) {
    if (DeadlineOf(wait.wait.what) >= kLeastTold) Note(now, "WAITING", wait.who, WaitText(wait, now.wall));
  }
}

std::string JobMachine::StallText(Now now) const {
  std::vector<std::string> texts;
  for (const NamedWait& wait : Waits()) {
    // What has no time of its own is not older than the stall.
    texts.push_back(wait.wait.since == 0 ? absl::StrCat(wait.who, " waits for ", wait.wait.what, ": ", wait.wait.detail)
                                         : absl::StrCat(wait.who, " ", WaitText(wait, now.wall)));
  }
  if (texts.empty()) texts.emplace_back("nobody says what for");
  const std::string meanwhile = progress_.Meanwhile();
  if (!meanwhile.empty()) texts.push_back(absl::StrCat("meanwhile ", meanwhile));
  return absl::StrJoin(texts, "; ");
}

std::string JobMachine::Reason() const {
  if (!waits() || lacking_.empty()) return record_.reason;
  return absl::StrCat(record_.reason, record_.reason.empty() ? "" : "; ", lacking_);
}

}  // namespace banyan::coordinator
