#ifndef BANYAN_COORDINATOR_CLUSTER_STORE_EFFECTS_H_
#define BANYAN_COORDINATOR_CLUSTER_STORE_EFFECTS_H_

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/cluster/decision_store.h"
#include "coordinator/jobs/job_effects.h"

namespace banyan::coordinator {

// A job's decisions in the store. Writes since the last Commit are one transaction. After a failure nothing more is
// written and Commit says what failed; after RESOURCE_EXHAUSTED, a full disk, Commit may be called again: it writes all
// of them anew. Thread-compatible.
class StoreEffects final : public JobEffects {
 public:
  struct Work {
    std::function<void(const JobRecord& record, PublishRequest request)> publish;
    std::function<void(const std::string& job, uint32_t keep, std::set<CheckpointName> protect)> remove_old;
    std::function<void(const JobRecord& record)> find_restore_point;
  };

  StoreEffects(DecisionStore& store, Work work) : store_(store), work_(std::move(work)) {}

  // Makes what was written durable. `wrote` (may be null): whether anything was.
  absl::Status Commit(bool* wrote);
  void WriteProcess(Role role, const std::string& name, uint64_t id);

  void Persist(const JobRecord& record) override;
  void WriteLine(const std::string& job, const LedgerLine& line, absl::Time time) override;
  void WriteEvaluation(const std::string& job, const EvaluationLine& line) override;
  void WriteEvent(const std::string& job, const JobEvent& event) override;
  std::optional<LedgerLine> ReadLine(const std::string& job, Step step) override;
  std::optional<EvaluationLine> ReadEvaluation(const std::string& job, Step step) override;
  void Publish(const JobRecord& record, PublishRequest request) override { work_.publish(record, std::move(request)); }
  void FindRestorePoint(const JobRecord& record) override { work_.find_restore_point(record); }
  void CopyLines(const std::string& from, const std::string& to, Step through) override;
  void RemoveOldCheckpoints(const std::string& job, uint32_t keep, std::set<CheckpointName> protect) override {
    work_.remove_old(job, keep, std::move(protect));
  }

 private:
  void Write(std::function<absl::Status()> write);
  void WriteAnew();

  DecisionStore& store_;
  const Work work_;
  std::vector<std::function<absl::Status()>> writes_;  // since the last Commit
  absl::Status failure_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_CLUSTER_STORE_EFFECTS_H_
