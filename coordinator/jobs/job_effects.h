#ifndef BANYAN_COORDINATOR_JOBS_JOB_EFFECTS_H_
#define BANYAN_COORDINATOR_JOBS_JOB_EFFECTS_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/job/job_plan.h"
#include "coordinator/jobs/job_record.h"
#include "coordinator/jobs/ledger_book.h"

namespace banyan::coordinator {

// What a job's decisions do to the world. What is written is durable before anybody hears of a decision that follows
// from it; a store that fails ends the process, for nothing may be decided that would be forgotten.
class JobEffects {
 public:
  virtual ~JobEffects() = default;

  virtual void Persist(const JobRecord& record) = 0;
  virtual void WriteLine(const std::string& job, const LedgerLine& line, absl::Time time) = 0;
  virtual void WriteEvaluation(const std::string& job, const EvaluationLine& line) = 0;
  virtual void WriteEvent(const std::string& job, const JobEvent& event) = 0;
  // What was written. Nothing: there is no such line.
  virtual std::optional<LedgerLine> ReadLine(const std::string& job, Step step) = 0;
  virtual std::optional<EvaluationLine> ReadEvaluation(const std::string& job, Step step) = 0;

  // Begins to publish a checkpoint whose parts are all written; JobMachine::OnPublished tells the outcome.
  struct PublishRequest {
    Term term = 0;
    Step step = 0;
    std::vector<CheckpointPart> parts;
    std::shared_ptr<const JobPlan> plan;
  };
  virtual void Publish(const JobRecord& record, PublishRequest request) = 0;

  // Begins to look for the newest checkpoint of the job (for one that replays: of its parent, at or before the one that
  // it has) of which every byte is right, or the initial state; JobMachine::OnRestorePoint tells which. Damaged ones
  // are passed over.
  virtual void FindRestorePoint(const JobRecord& record) = 0;

  // Gives a job the lines of another up to `through`, and the evaluations of the weights before that step.
  virtual void CopyLines(const std::string& from, const std::string& to, Step through) = 0;

  // Begins to delete all but the `keep` newest published checkpoints and those in `protect`.
  virtual void RemoveOldCheckpoints(const std::string& job, uint32_t keep, std::set<CheckpointName> protect) = 0;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_JOB_EFFECTS_H_
