#include "tests/simulator/simulated_store.h"

#include "absl/strings/str_cat.h"

namespace banyan::simulator {

using coordinator::EvaluationLine;
using coordinator::JobEvent;
using coordinator::JobRecord;

absl::Status SimulatedStore::Begin() { return absl::OkStatus(); }

absl::Status SimulatedStore::Commit() {
  undo_.clear();
  for (const auto& [id, record] : jobs_) Look(record);
  return absl::OkStatus();
}

void SimulatedStore::Crash() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) (*undo)();
  undo_.clear();
}

// (Term, restore point) is written once: rule R12. An epoch has one map; what is in sync is added to it.
void SimulatedStore::Look(const JobRecord& record) {
  // Whoever is told so finds no line of a step that a resumed job does again.
  const Step checkpoint = record.checkpoint.value_or(RestorePoint()).step;
  if (record.state == JobState::kStopped && record.reason == absl::StrCat("stopped at step ", checkpoint) &&
      !lines_.empty() && lines_.rbegin()->first > checkpoint) {
    absl::StrAppend(&trouble_, "the job stopped at step ", checkpoint, " with a line of step ", lines_.rbegin()->first,
                    "; ");
  }
  if (record.map.servers.empty()) return;  // no term yet, or it is over
  const auto [known, fresh] = terms_.try_emplace(record.term, record.restore);
  if (known->second != record.restore) absl::StrAppend(&trouble_, "term ", record.term, " has two restore points; ");
  ChunkMap map = record.map;
  for (ChunkMap::Owner& owner : map.owners) owner.in_sync.clear();
  const auto [of_epoch, new_epoch] = maps_.try_emplace(map.epoch, record.term, map);
  if (of_epoch->second != std::pair(record.term, map)) {
    absl::StrAppend(&trouble_, "epoch ", map.epoch, " has two maps; ");
  }
}

absl::Status SimulatedStore::WriteProcess(const ProcessId& process) {
  processes_.push_back(process);
  undo_.push_back([this] { processes_.pop_back(); });
  return absl::OkStatus();
}

absl::Status SimulatedStore::WriteJob(const JobRecord& record) {
  const auto found = jobs_.find(record.id);
  if (found == jobs_.end()) {
    undo_.push_back([this, id = record.id] { jobs_.erase(id); });
  } else {
    undo_.push_back([this, before = found->second] { jobs_[before.id] = before; });
  }
  jobs_[record.id] = record;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<JobRecord>> SimulatedStore::Jobs() {
  std::vector<JobRecord> jobs;
  for (const auto& [id, record] : jobs_) jobs.push_back(record);
  return jobs;
}

absl::Status SimulatedStore::WriteLine(const std::string&, const TimedLine& line) {
  const Step step = line.line.step;
  if (!lines_.emplace(step, line.line).second) {
    absl::StrAppend(&trouble_, "line ", step, " is written twice; ");
    return absl::OkStatus();
  }
  undo_.push_back([this, step] { lines_.erase(step); });
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SimulatedStore::TimedLine>> SimulatedStore::Line(const std::string&, Step step) {
  const auto found = lines_.find(step);
  if (found == lines_.end()) return std::nullopt;
  return TimedLine{.line = found->second};
}

absl::StatusOr<Step> SimulatedStore::LinesThrough(const std::string&) {
  return lines_.empty() ? Step{0} : lines_.rbegin()->first;
}

absl::Status SimulatedStore::WriteEvaluation(const std::string&, const EvaluationLine& line) {
  const Step step = line.step;
  if (!evaluations_.emplace(step, line).second) {
    absl::StrAppend(&trouble_, "the evaluation of weights @", step, " is written twice; ");
    return absl::OkStatus();
  }
  undo_.push_back([this, step] { evaluations_.erase(step); });
  return absl::OkStatus();
}

absl::StatusOr<std::optional<EvaluationLine>> SimulatedStore::Evaluation(const std::string&, Step step) {
  const auto found = evaluations_.find(step);
  return found == evaluations_.end() ? std::nullopt : std::optional(found->second);
}

absl::StatusOr<uint64_t> SimulatedStore::WriteEvent(const std::string&, const JobEvent& event) {
  events_.push_back(event);
  undo_.push_back([this] { events_.pop_back(); });
  return events_.size();
}

}  // namespace banyan::simulator
