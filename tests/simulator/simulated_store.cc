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

const JobRecord* SimulatedStore::job(const std::string& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

const SimulatedStore::Book& SimulatedStore::BookOf(const std::string& job) const {
  static const Book none;
  const auto found = books_.find(job);
  return found == books_.end() ? none : found->second;
}

const RestorePoint* SimulatedStore::RestoreOf(const std::string& job, Term term) const {
  const Book& book = BookOf(job);
  const auto found = book.terms.find(term);
  return found == book.terms.end() ? nullptr : &found->second;
}

// (Term, restore point) is written once: rule R12. An epoch has one map; what is in sync is added to it.
void SimulatedStore::Look(const JobRecord& record) {
  // Whoever is told so finds no line of a step that a resumed job does again.
  const Step checkpoint = record.checkpoint.value_or(RestorePoint()).step;
  if (record.state == JobState::kStopped && record.reason == absl::StrCat("stopped at step ", checkpoint) &&
      !lines(record.id).empty() && lines(record.id).rbegin()->first > checkpoint) {
    absl::StrAppend(&trouble_, "the job stopped at step ", checkpoint, " with a line of step ",
                    lines(record.id).rbegin()->first, "; ");
  }
  if (record.fork.has_value() && record.fork->source.step > record.fork->step) {
    absl::StrAppend(&trouble_, "job ", record.id, " is forked at step ", record.fork->step, " from a state of step ",
                    record.fork->source.step, "; ");
  }
  if (record.map.servers.empty()) return;  // no term yet, or it is over
  Book& book = books_[record.id];
  const auto [known, fresh] = book.terms.try_emplace(record.term, record.restore);
  if (known->second != record.restore) absl::StrAppend(&trouble_, "term ", record.term, " has two restore points; ");
  ChunkMap map = record.map;
  for (ChunkMap::Owner& owner : map.owners) owner.in_sync.clear();
  const auto [of_epoch, new_epoch] = book.maps.try_emplace(map.epoch, record.term, map);
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

absl::Status SimulatedStore::WriteLine(const std::string& job, const TimedLine& line) {
  const Step step = line.line.step;
  if (!books_[job].lines.emplace(step, line.line).second) {
    absl::StrAppend(&trouble_, "line ", step, " is written twice; ");
    return absl::OkStatus();
  }
  undo_.push_back([this, job, step] { books_[job].lines.erase(step); });
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SimulatedStore::TimedLine>> SimulatedStore::Line(const std::string& job, Step step) {
  const Lines& written = lines(job);
  const auto found = written.find(step);
  if (found == written.end()) return std::nullopt;
  return TimedLine{.line = found->second};
}

absl::StatusOr<Step> SimulatedStore::LinesThrough(const std::string& job) {
  return lines(job).empty() ? Step{0} : lines(job).rbegin()->first;
}

absl::Status SimulatedStore::CopyLines(const std::string& from, const std::string& to, Step through) {
  for (const auto& [step, line] : Lines(lines(from))) {
    if (step <= through) WriteLine(to, {.line = line}).IgnoreError();
  }
  for (const auto& [step, line] : Evaluations(evaluations(from))) {
    if (step < through) WriteEvaluation(to, line).IgnoreError();
  }
  return absl::OkStatus();
}

absl::Status SimulatedStore::WriteEvaluation(const std::string& job, const EvaluationLine& line) {
  const Step step = line.step;
  if (!books_[job].evaluations.emplace(step, line).second) {
    absl::StrAppend(&trouble_, "the evaluation of weights @", step, " is written twice; ");
    return absl::OkStatus();
  }
  undo_.push_back([this, job, step] { books_[job].evaluations.erase(step); });
  return absl::OkStatus();
}

absl::StatusOr<std::optional<EvaluationLine>> SimulatedStore::Evaluation(const std::string& job, Step step) {
  const Evaluations& written = evaluations(job);
  const auto found = written.find(step);
  return found == written.end() ? std::nullopt : std::optional(found->second);
}

absl::StatusOr<uint64_t> SimulatedStore::WriteEvent(const std::string& job, const JobEvent& event) {
  std::vector<JobEvent>& events = books_[job].events;
  events.push_back(event);
  undo_.push_back([&events] { events.pop_back(); });
  return events.size();
}

}  // namespace banyan::simulator
