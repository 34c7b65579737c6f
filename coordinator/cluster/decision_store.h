#ifndef BANYAN_COORDINATOR_CLUSTER_DECISION_STORE_H_
#define BANYAN_COORDINATOR_CLUSTER_DECISION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/jobs/job_record.h"
#include "coordinator/jobs/ledger_book.h"
#include "coordinator/membership/members.h"

namespace banyan::coordinator {

// What the coordinator's decisions need of a store. What a call wrote is durable when it returns OK, or, after Begin,
// when Commit has. Thread-compatible.
class DecisionStore {
 public:
  virtual ~DecisionStore() = default;

  // Several writes become durable together, or none of them.
  virtual absl::Status Begin() = 0;
  virtual absl::Status Commit() = 0;
  // After a write or Commit that failed: nothing since Begin is there.
  virtual void Rollback() {}

  // Counts a life of the coordinator: greater at every call, and remembered.
  virtual absl::StatusOr<uint64_t> NextCoordinatorTerm() = 0;

  struct ProcessId {
    Role role = Role::kWorker;
    std::string name;
    uint64_t id = 0;
  };
  virtual absl::Status WriteProcess(const ProcessId& process) = 0;
  virtual absl::StatusOr<std::vector<ProcessId>> Processes() = 0;

  virtual absl::Status WriteJob(const JobRecord& record) = 0;
  // In order of submission.
  virtual absl::StatusOr<std::vector<JobRecord>> Jobs() = 0;

  // A line that is there stands: writing it again changes nothing.
  struct TimedLine {
    LedgerLine line;
    absl::Time time;
  };
  virtual absl::Status WriteLine(const std::string& job, const TimedLine& line) = 0;
  virtual absl::StatusOr<std::optional<TimedLine>> Line(const std::string& job, Step step) = 0;
  // 0: none.
  virtual absl::StatusOr<Step> LinesThrough(const std::string& job) = 0;

  // Gives `to` the lines of `from` up to `through`, and the evaluations of weights before that step.
  virtual absl::Status CopyLines(const std::string& from, const std::string& to, Step through) = 0;

  virtual absl::Status WriteEvaluation(const std::string& job, const EvaluationLine& line) = 0;
  virtual absl::StatusOr<std::optional<EvaluationLine>> Evaluation(const std::string& job, Step step) = 0;

  // Returns the event's number.
  virtual absl::StatusOr<uint64_t> WriteEvent(const std::string& job, const JobEvent& event) = 0;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_CLUSTER_DECISION_STORE_H_
