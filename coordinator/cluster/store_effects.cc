#include "coordinator/cluster/store_effects.h"

#include <utility>

namespace banyan::coordinator {

void StoreEffects::Write(const std::function<absl::Status()>& write) {
  if (failure_.ok() && !open_) {
    failure_ = store_.Begin();
    open_ = failure_.ok();
  }
  if (failure_.ok()) failure_ = write();
}

absl::Status StoreEffects::Commit(bool* wrote) {
  if (wrote != nullptr) *wrote = open_;
  if (failure_.ok() && open_) failure_ = store_.Commit();
  open_ = false;
  return failure_;
}

void StoreEffects::WriteProcess(Role role, const std::string& name, uint64_t id) {
  Write([&] { return store_.WriteProcess({.role = role, .name = name, .id = id}); });
}

void StoreEffects::Persist(const JobRecord& record) {
  Write([&] { return store_.WriteJob(record); });
}

void StoreEffects::WriteLine(const std::string& job, const LedgerLine& line, absl::Time time) {
  Write([&] { return store_.WriteLine(job, {.line = line, .time = time}); });
}

void StoreEffects::CopyLines(const std::string& from, const std::string& to, Step through) {
  Write([&] { return store_.CopyLines(from, to, through); });
}

void StoreEffects::WriteEvaluation(const std::string& job, const EvaluationLine& line) {
  Write([&] { return store_.WriteEvaluation(job, line); });
}

void StoreEffects::WriteEvent(const std::string& job, const JobEvent& event) {
  Write([&] { return store_.WriteEvent(job, event).status(); });
}

std::optional<LedgerLine> StoreEffects::ReadLine(const std::string& job, Step step) {
  const absl::StatusOr<std::optional<DecisionStore::TimedLine>> line = store_.Line(job, step);
  if (!line.ok()) failure_.Update(line.status());
  if (!line.ok() || !line->has_value()) return std::nullopt;
  return (*line)->line;
}

std::optional<EvaluationLine> StoreEffects::ReadEvaluation(const std::string& job, Step step) {
  const absl::StatusOr<std::optional<EvaluationLine>> line = store_.Evaluation(job, step);
  if (!line.ok()) failure_.Update(line.status());
  return line.ok() ? *line : std::nullopt;
}

}  // namespace banyan::coordinator
