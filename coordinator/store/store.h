#ifndef BANYAN_COORDINATOR_STORE_STORE_H_
#define BANYAN_COORDINATOR_STORE_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/cluster/decision_store.h"
#include "coordinator/store/sqlite.h"

namespace banyan::coordinator {

// What outlives the coordinator, in one SQLite file of its state directory: jobs, ids of processes, ledger lines,
// evaluations, events, and how many lives the coordinator has had. What a call wrote is on the disk when it returns OK,
// or, after Begin, when Commit has. One coordinator at a time may have the file. Thread-compatible.
class Store final : public DecisionStore {
 public:
  static constexpr int kSchemaVersion = 2;

  // Reads and checks every row. DATA_LOSS names what is damaged; FAILED_PRECONDITION when the file was written by
  // another version; UNAVAILABLE when another coordinator has it.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path);

  // One wait for the disk.
  absl::Status Begin() override { return database_->Execute("BEGIN"); }
  absl::Status Commit() override { return database_->Execute("COMMIT"); }
  void Rollback() override { database_->Rollback(); }

  absl::StatusOr<uint64_t> NextCoordinatorTerm() override;
  absl::Status WriteProcess(const ProcessId& process) override;
  absl::StatusOr<std::vector<ProcessId>> Processes() override;
  absl::Status WriteJob(const JobRecord& record) override;
  absl::StatusOr<std::vector<JobRecord>> Jobs() override;

  absl::Status WriteLine(const std::string& job, const TimedLine& line) override;
  absl::StatusOr<std::optional<TimedLine>> Line(const std::string& job, Step step) override;
  // Of steps > `after`, at most `limit`, in order.
  absl::StatusOr<std::vector<TimedLine>> Lines(const std::string& job, Step after, int64_t limit);
  absl::Status CopyLines(const std::string& from, const std::string& to, Step through) override;
  absl::StatusOr<Step> LinesThrough(const std::string& job) override;

  absl::Status WriteEvaluation(const std::string& job, const EvaluationLine& line) override;
  absl::StatusOr<std::optional<EvaluationLine>> Evaluation(const std::string& job, Step step) override;
  // Of weights of steps >= `from`, in order.
  absl::StatusOr<std::vector<EvaluationLine>> Evaluations(const std::string& job, Step from);

  struct NumberedEvent {
    uint64_t number = 0;  // from 1, in one job
    JobEvent event;
  };
  absl::StatusOr<uint64_t> WriteEvent(const std::string& job, const JobEvent& event) override;
  // With greater numbers than `after`, at most `limit`, in order.
  absl::StatusOr<std::vector<NumberedEvent>> Events(const std::string& job, uint64_t after, int64_t limit);

 private:
  explicit Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  absl::Status Prepare();
  absl::Status Verify();
  absl::StatusOr<Statement*> Cached(const std::string& sql);

  const std::unique_ptr<Database> database_;
  std::map<std::string, Statement> statements_;  // by their text
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_STORE_STORE_H_
