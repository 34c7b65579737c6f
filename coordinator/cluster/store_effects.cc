#include "coordinator/cluster/store_effects.h"

#include <utility>

namespace banyan::coordinator {

void StoreEffects::Write(std::function<absl::Status()> write) {
  if (failure_.ok() && writes_.empty()) failure_ = store_.Begin();
  if (failure_.ok()) failure_ = write();
  writes_.push_back(std::move(write));
}

// After a full disk nothing of the transaction is there.
void StoreEffects::WriteAnew() {
  store_.Rollback();
  failure_ = store_.Begin();
  for (const auto& write : writes_) {
    if (failure_.ok()) failure_ = write();
  }
}

absl::Status StoreEffects::Commit(bool* wrote) {
  if (wrote != nullptr) *wrote = !writes_.empty();
  if (writes_.empty()) return failure_;
  if (absl::IsResourceExhausted(failure_)) WriteAnew();
  if (failure_.ok()) failure_ = store_.Commit();
  if (!absl::IsResourceExhausted(failure_)) writes_.clear();
  return failure_;
}

void StoreEffects::WriteProcess(Role role, const std::string& name, uint64_t id) {
  Write([this, role, name, id] { return store_.WriteProcess({.role = role, .name = name, .id = id}); });
}

void StoreEffects::Persist(const JobRecord& record) {
  Write([this, record] { return store_.WriteJob(record); });
}

void StoreEffects::WriteLine(const std::string& job, const LedgerLine& line, absl::Time time) {
  Write([this, job, line, time] { return store_.WriteLine(job, {.line = line, .time = time}); });
}

void StoreEffects::CopyLines(const std::string& from, const std::string& to, Step through) {
  Write([this, from, to, through] { return store_.CopyLines(from, to, through); });
}

void StoreEffects::WriteEvaluation(const std::string& job, const EvaluationLine& line) {
  Write([this, job, line] { return store_.WriteEvaluation(job, line); });
}

void StoreEffects::WriteEvent(const std::string& job, const JobEvent& event) {
  Write([this, job, event] { return store_.WriteEvent(job, event).status(); });
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
