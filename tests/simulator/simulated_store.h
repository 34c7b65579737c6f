#ifndef BANYAN_TESTS_SIMULATOR_SIMULATED_STORE_H_
#define BANYAN_TESTS_SIMULATOR_SIMULATED_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/cluster/decision_store.h"

namespace banyan::simulator {

// The coordinator's store: what was committed outlives it, what was not is undone by Crash. Looks on, too: at lines
// that would be written twice, and at terms and epochs that would be used twice. Thread-compatible.
class SimulatedStore final : public coordinator::DecisionStore {
 public:
  absl::Status Begin() override;
  absl::Status Commit() override;
  void Crash();
  // Whether something is written and not committed.
  bool dirty() const { return !undo_.empty(); }

  absl::StatusOr<uint64_t> NextCoordinatorTerm() override { return ++lives_; }
  absl::Status WriteProcess(const ProcessId& process) override;
  absl::StatusOr<std::vector<ProcessId>> Processes() override { return processes_; }
  absl::Status WriteJob(const coordinator::JobRecord& record) override;
  absl::StatusOr<std::vector<coordinator::JobRecord>> Jobs() override;
  absl::Status WriteLine(const std::string& job, const TimedLine& line) override;
  absl::StatusOr<std::optional<TimedLine>> Line(const std::string& job, Step step) override;
  absl::Status CopyLines(const std::string& from, const std::string& to, Step through) override;
  absl::StatusOr<Step> LinesThrough(const std::string& job) override;
  absl::Status WriteEvaluation(const std::string& job, const coordinator::EvaluationLine& line) override;
  absl::StatusOr<std::optional<coordinator::EvaluationLine>> Evaluation(const std::string& job, Step step) override;
  absl::StatusOr<uint64_t> WriteEvent(const std::string& job, const coordinator::JobEvent& event) override;

  using Lines = std::map<Step, coordinator::LedgerLine>;
  using Evaluations = std::map<Step, coordinator::EvaluationLine>;

  // Null: there is none such.
  const coordinator::JobRecord* job(const std::string& id) const;
  const std::map<std::string, coordinator::JobRecord>& jobs() const { return jobs_; }
  const Lines& lines(const std::string& job) const { return BookOf(job).lines; }
  const Evaluations& evaluations(const std::string& job) const { return BookOf(job).evaluations; }
  const std::vector<coordinator::JobEvent>& events(const std::string& job) const { return BookOf(job).events; }
  // Of a term as it was committed; null: there was none such.
  const RestorePoint* RestoreOf(const std::string& job, Term term) const;
  // What was seen that must never be; empty: nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  // What is kept of one job beside its record.
  struct Book {
    Lines lines;
    Evaluations evaluations;
    std::vector<coordinator::JobEvent> events;
    std::map<Term, RestorePoint> terms;                // as committed
    std::map<Epoch, std::pair<Term, ChunkMap>> maps;   // as committed, without who is in sync
  };

  const Book& BookOf(const std::string& job) const;
  void Look(const coordinator::JobRecord& record);

  uint64_t lives_ = 0;
  std::vector<ProcessId> processes_;
  std::map<std::string, coordinator::JobRecord> jobs_;
  std::map<std::string, Book> books_;
  std::vector<std::function<void()>> undo_;  // since Begin
  std::string trouble_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SIMULATED_STORE_H_
