#ifndef BANYAN_COORDINATOR_JOBS_JOB_FIXTURE_H_
#define BANYAN_COORDINATOR_JOBS_JOB_FIXTURE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/config/defaults.h"
#include "coordinator/jobs/job_effects.h"
#include "google/protobuf/text_format.h"

// A small job, and effects that a test can look at.
namespace banyan::coordinator {

constexpr char kDeviceKind[] = "cpu:test";
const DataFacts kData = {
    .hash = "0123456789abcdef", .samples = 80, .held_out_samples = 20, .features = 4, .targets = 1};

// 6 steps of 8 leaves, evaluated after step 3 and the last, checkpoints each 3.
inline v1::Job MakeJob(const std::string& run = "servers { count: 2 } workers { min: 2 }") {
  v1::Job job;
  google::protobuf::TextFormat::ParseFromString(R"(
    version: 1 name: "toy"
    recipe {
      model { linear {} }
      data { synthetic_regression { features: 4 samples: 100 held_out: 0.2 } }
      batch { samples: 16 leaf: 2 }
      until { steps: 6 }
      optimizer { sgd { learning_rate: 0.5 } }
      schedule { linear { warmup_steps: 2 } }
    }
    run { evaluate { every { steps: 3 } } checkpoint { every { steps: 3 } } })", &job);
  v1::Run more;
  google::protobuf::TextFormat::ParseFromString(run, &more);
  job.mutable_run()->MergeFrom(more);
  return config::WithDefaults(job);
}

class FakeEffects final : public JobEffects {
 public:
  void Persist(const JobRecord& record) override { records[record.id] = record; }
  void WriteLine(const std::string&, const LedgerLine& line, absl::Time) override { lines.emplace(line.step, line); }
  void WriteEvaluation(const std::string&, const EvaluationLine& line) override {
    evaluations.emplace(line.step, line);
  }
  void WriteEvent(const std::string&, const JobEvent& event) override { events.push_back(event); }
  std::optional<LedgerLine> ReadLine(const std::string&, Step step) override {
    return lines.contains(step) ? std::optional(lines.at(step)) : std::nullopt;
  }
  std::optional<EvaluationLine> ReadEvaluation(const std::string&, Step step) override {
    return evaluations.contains(step) ? std::optional(evaluations.at(step)) : std::nullopt;
  }
  void Publish(const JobRecord&, PublishRequest request) override { requests.push_back(std::move(request)); }
  void FindRestorePoint(const JobRecord& record) override { searches.push_back(record.term); }
  void CopyLines(const std::string&, const std::string&, Step through) override { copied_through = through; }
  void RemoveOldCheckpoints(const std::string&, uint32_t, std::set<CheckpointName> names) override {
    protect = std::move(names);
  }

  int CountEvents(const std::string& type) const {
    int count = 0;
    for (const JobEvent& event : events) count += event.type == type ? 1 : 0;
    return count;
  }

  std::map<std::string, JobRecord> records;
  std::map<Step, LedgerLine> lines;
  std::map<Step, EvaluationLine> evaluations;
  std::vector<JobEvent> events;
  std::vector<PublishRequest> requests;
  std::set<CheckpointName> protect;
  std::vector<Term> searches;
  Step copied_through = 0;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_JOB_FIXTURE_H_
