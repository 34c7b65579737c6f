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
#include "coordinator/jobs/job_record.h"
#include "coordinator/jobs/ledger_book.h"
#include "coordinator/membership/members.h"
#include "coordinator/store/sqlite.h"

namespace banyan::coordinator {

// What outlives the coordinator, in one SQLite file of its state directory: jobs, ids of processes, ledger lines,
// evaluations, events, and how many lives the coordinator has had. What a call wrote is on the disk when it returns OK,
// or, after Begin, when Commit has. One coordinator at a time may have the file. Thread-compatible.
class Store {
 public:
  static constexpr int kSchemaVersion = 1;

  // FAILED_PRECONDITION when the file was written by a newer version; UNAVAILABLE when another coordinator has it.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path);

  // Several writes become durable together, and cost one wait for the disk.
  absl::Status Begin() { return database_->Execute("BEGIN"); }
  absl::Status Commit() { return database_->Execute("COMMIT"); }

  // Counts a life of the coordinator: greater at every call, and remembered.
  absl::StatusOr<uint64_t> NextCoordinatorTerm();

  struct ProcessId {
    Role role = Role::kWorker;
    std::string name;
    uint64_t id = 0;
  };
  absl::Status WriteProcess(const ProcessId& process);
  absl::StatusOr<std::vector<ProcessId>> Processes();

  absl::Status WriteJob(const JobRecord& record);
  // In order of submission.
  absl::StatusOr<std::vector<JobRecord>> Jobs();

  // A line that is there stands: writing it again changes nothing.
  struct TimedLine {
    LedgerLine line;
    absl::Time time;
  };
  absl::Status WriteLine(const std::string& job, const TimedLine& line);
  absl::StatusOr<std::optional<TimedLine>> Line(const std::string& job, Step step);
  // Of steps > `after`, at most `limit`, in order.
  absl::StatusOr<std::vector<TimedLine>> Lines(const std::string& job, Step after, int64_t limit);
  // 0: none.
  absl::StatusOr<Step> LinesThrough(const std::string& job);

  absl::Status WriteEvaluation(const std::string& job, const EvaluationLine& line);
  absl::StatusOr<std::optional<EvaluationLine>> Evaluation(const std::string& job, Step step);
  // Of weights of steps >= `from`, in order.
  absl::StatusOr<std::vector<EvaluationLine>> Evaluations(const std::string& job, Step from);

  struct NumberedEvent {
    uint64_t number = 0;  // from 1, in one job
    JobEvent event;
  };
  // Returns the event's number.
  absl::StatusOr<uint64_t> WriteEvent(const std::string& job, const JobEvent& event);
  // With greater numbers than `after`, at most `limit`, in order.
  absl::StatusOr<std::vector<NumberedEvent>> Events(const std::string& job, uint64_t after, int64_t limit);

 private:
  explicit Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  absl::Status Prepare();
  absl::StatusOr<Statement*> Cached(const std::string& sql);

  const std::unique_ptr<Database> database_;
  std::map<std::string, Statement> statements_;  // by their text
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_STORE_STORE_H_
