#include "coordinator/service/describe.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/rpc/session_codec.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/store/record_codec.h"

namespace banyan::coordinator {
namespace {

// Of a job, newest first to go: what a description carries.
constexpr int64_t kMostEvents = 100'000;

}  // namespace

double ToSeconds(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

v1::ResolvedJob Resolve(const JobRecord& record) {
  v1::ResolvedJob resolved;
  resolved.set_id(record.id);
  *resolved.mutable_job() = PresentJob(record);
  if (record.data.has_value()) *resolved.mutable_data() = EncodeDataFacts(*record.data);
  resolved.set_device_kind(record.device_kind);
  resolved.set_fingerprint(record.fingerprint);
  resolved.set_life(record.life);
  return resolved;
}

v1::JobSummary Summarize(const JobMachine& job) {
  const JobRecord& record = job.record();
  v1::JobSummary summary;
  summary.set_id(record.id);
  summary.set_name(record.job.name());
  summary.set_state(EncodeJobState(record.state));
  summary.set_reason(job.Reason());
  summary.set_step(job.step());
  summary.set_total_steps(job.plan() == nullptr ? 0 : job.plan()->last_step);
  summary.set_submitted(ToSeconds(record.submitted));
  summary.set_started(ToSeconds(record.started));
  summary.set_finished(ToSeconds(record.finished));
  return summary;
}

absl::StatusOr<v1::JobDescription> Describe(const JobMachine& job, Store& store, JobMachine::Now now) {
  const JobRecord& record = job.record();
  v1::JobDescription description;
  *description.mutable_summary() = Summarize(job);
  *description.mutable_resolved() = Resolve(record);
  *description.mutable_resolved()->mutable_job() = record.job;
  if (record.fork.has_value()) *description.mutable_forked_from() = EncodeForkPoint(*record.fork);
  description.set_term(record.term);
  description.set_epoch(record.map.epoch);
  *description.mutable_restore() = EncodeRestorePoint(record.restore);
  if (job.assignment().has_value()) *description.mutable_assignment() = EncodeAssignment(*job.assignment());
  ASSIGN_OR_RETURN(const std::vector<Store::NumberedEvent> events, store.Events(record.id, 0, kMostEvents));
  for (const Store::NumberedEvent& event : events) *description.add_events() = ToMessage(event);
  for (const auto& [who, wait] : job.OverdueWaits()) {
    v1::Wait& message = *description.add_waits();
    message.set_what(wait.what);
    message.mutable_parties()->Add(wait.parties.begin(), wait.parties.end());
    message.set_detail(absl::StrCat(who, ": ", wait.detail));
    message.set_since(wait.since);
  }
  for (const Introduction& member : job.Crew()) *description.add_processes() = EncodeIntroduction(member);
  if (record.checkpoint.has_value()) description.set_checkpoint_directory(record.checkpoint->directory);
  const std::map<std::string, uint64_t> counters = job.Counters();
  description.mutable_counters()->insert(counters.begin(), counters.end());
  description.mutable_peak_rss_bytes()->insert(record.peak_rss_bytes.begin(), record.peak_rss_bytes.end());
  ASSIGN_OR_RETURN(const std::optional<Store::TimedLine> line, store.Line(record.id, job.step()));
  if (line.has_value()) *description.mutable_last_line() = ToMessage(*line);
  ASSIGN_OR_RETURN(const std::vector<EvaluationLine> evaluations, store.Evaluations(record.id, 0));
  if (!evaluations.empty()) *description.mutable_last_evaluation() = ToMessage(evaluations.back());
  description.set_train_seconds(absl::ToDoubleSeconds(job.TrainTime(now)));
  const v1::Model& model = record.job.recipe().model();
  description.set_tokens_per_sample(model.has_gpt() ? model.gpt().context() : 1);
  description.set_chunk_bytes(record.job.run().servers().chunk_bytes());
  return description;
}

v1::ClusterResponse DescribeCluster(const Cluster& cluster, JobMachine::Now now) {
  v1::ClusterResponse response;
  for (const Members::Member* member : cluster.members().All()) {
    v1::ClusterResponse::Member& message = *response.add_members();
    *message.mutable_process() = EncodeIntroduction(member->introduction);
    message.set_id(member->id);
    message.set_job(absl::StrJoin(cluster.JobsOf(member->introduction.role, member->id), ","));
    message.set_last_heard(ToSeconds(now.wall - (now.monotonic - member->last_heard)));
    message.set_alive(member->alive);
  }
  return response;
}

v1::Event ToMessage(const Store::NumberedEvent& event) {
  v1::Event message;
  message.set_number(event.number);
  message.set_time(ToSeconds(event.event.time));
  message.set_step(event.event.step);
  message.set_type(event.event.type);
  message.set_who(event.event.who);
  message.set_text(event.event.text);
  return message;
}

v1::LedgerLine ToMessage(const Store::TimedLine& line) {
  v1::LedgerLine message;
  message.set_step(line.line.step);
  message.set_loss_sum(line.line.loss_sum);
  message.set_weight(line.line.weight);
  message.set_learning_rate(line.line.learning_rate);
  if (line.line.grad_norm.has_value()) message.set_grad_norm(*line.line.grad_norm);
  message.set_skipped(line.line.skipped);
  message.set_state_fingerprint(line.line.state_fingerprint);
  message.set_time(ToSeconds(line.time));
  return message;
}

v1::Evaluation ToMessage(const EvaluationLine& line) {
  v1::Evaluation message;
  message.set_step(line.step);
  message.set_loss_sum(line.loss_sum);
  message.set_weight(line.weight);
  return message;
}

}  // namespace banyan::coordinator
