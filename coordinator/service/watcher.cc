#include "coordinator/service/watcher.h"

#include "common/base/status.h"
#include "coordinator/jobs/job_states.h"
#include "coordinator/service/describe.h"

namespace banyan::coordinator {
namespace {

constexpr int64_t kPage = 1000;

}  // namespace

absl::Status Watcher::Read(Core::State& state, std::vector<v1::JobUpdate>* updates) {
  // `@last` stays the job that it was.
  ASSIGN_OR_RETURN(const JobMachine* job, state.cluster.Find(id_.empty() ? request_.job() : id_));
  id_ = job->record().id;
  more_ = false;
  ASSIGN_OR_RETURN(const std::vector<Store::NumberedEvent> events, state.store.Events(id_, event_, kPage));
  for (const Store::NumberedEvent& event : events) {
    *updates->emplace_back().mutable_event() = ToMessage(event);
    event_ = event.number;
  }
  more_ = events.size() == kPage;
  if (request_.with_lines()) RETURN_IF_ERROR(ReadLines(state, updates));
  if (request_.with_logs()) {
    const auto lines = state.logs.After(id_, log_, kPage);
    for (const auto& [number, line] : lines) {
      *updates->emplace_back().mutable_log() = line;
      log_ = number;
    }
    more_ = more_ || lines.size() == kPage;
  }
  if (more_) return absl::OkStatus();
  const v1::JobSummary summary = Summarize(*job);
  std::string bytes = summary.SerializeAsString();
  if (bytes != summary_) *updates->emplace_back().mutable_summary() = summary;
  summary_ = std::move(bytes);
  const JobState now = job->record().state;
  over_ = now != JobState::kQueued && now != JobState::kPaused && !IsActive(now);
  return absl::OkStatus();
}

absl::Status Watcher::ReadLines(Core::State& state, std::vector<v1::JobUpdate>* updates) {
  ASSIGN_OR_RETURN(const std::vector<Store::TimedLine> lines, state.store.Lines(id_, step_, kPage));
  for (const Store::TimedLine& line : lines) {
    *updates->emplace_back().mutable_line() = ToMessage(line);
    step_ = line.line.step;
  }
  more_ = more_ || lines.size() == kPage;
  ASSIGN_OR_RETURN(const std::vector<EvaluationLine> evaluations, state.store.Evaluations(id_, evaluation_));
  for (const EvaluationLine& evaluation : evaluations) {
    *updates->emplace_back().mutable_evaluation() = ToMessage(evaluation);
    evaluation_ = evaluation.step + 1;
  }
  return absl::OkStatus();
}

}  // namespace banyan::coordinator
