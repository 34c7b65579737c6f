#include "coordinator/store/record_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/session_codec.h"
#include "proto/store.pb.h"

namespace banyan::coordinator {
namespace {

int64_t EncodeTime(absl::Time time) { return time == absl::InfinitePast() ? 0 : absl::ToUnixNanos(time); }

absl::Time DecodeTime(int64_t nanos) { return nanos == 0 ? absl::InfinitePast() : absl::FromUnixNanos(nanos); }

RestorePoint DecodeRestorePoint(const v1::RestorePoint& message) {
  return {.step = message.step(), .directory = message.directory()};
}

v1::StoredFork EncodeFork(const JobRecord::Fork& fork) {
  v1::StoredFork message;
  *message.mutable_point() = EncodeForkPoint(fork);
  message.set_least(fork.least);
  *message.mutable_recipe() = fork.recipe;
  *message.mutable_source() = EncodeRestorePoint(fork.source);
  if (fork.origin.has_value()) *message.mutable_origin() = EncodeRestorePoint(*fork.origin);
  return message;
}

JobRecord::Fork DecodeFork(const v1::StoredFork& message) {
  JobRecord::Fork fork = {.parent = message.point().parent(),
                          .step = message.point().step(),
                          .least = message.least(),
                          .recipe = message.recipe(),
                          .source = DecodeRestorePoint(message.source()),
                          .state_hash = message.point().state_hash()};
  if (message.has_origin()) fork.origin = DecodeRestorePoint(message.origin());
  return fork;
}

}  // namespace

v1::RestorePoint EncodeRestorePoint(const RestorePoint& point) {
  v1::RestorePoint message;
  message.set_step(point.step);
  message.set_directory(point.directory);
  return message;
}

v1::Process EncodeIntroduction(const Introduction& introduction) {
  v1::Process process;
  process.set_role(introduction.role == Role::kServer ? v1::SERVER : v1::WORKER);
  process.set_name(introduction.name);
  process.set_incarnation(introduction.incarnation.value());
  process.set_endpoint(introduction.endpoint);
  process.set_metrics_endpoint(introduction.metrics_endpoint);
  process.set_pid(introduction.pid);
  process.set_host(introduction.host);
  process.set_device_kind(introduction.device_kind);
  process.set_threads(introduction.threads);
  process.set_build(introduction.build);
  return process;
}

absl::StatusOr<Introduction> DecodeIntroduction(const v1::Process& process) {
  if (process.role() != v1::SERVER && process.role() != v1::WORKER) {
    return absl::InvalidArgumentError(absl::StrCat("process '", process.name(), "' has no role"));
  }
  if (process.name().empty()) return absl::InvalidArgumentError("process has no name");
  if (process.incarnation() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("process '", process.name(), "' has no incarnation"));
  }
  return Introduction{.role = process.role() == v1::SERVER ? Role::kServer : Role::kWorker,
                      .name = process.name(),
                      .incarnation = Incarnation(process.incarnation()),
                      .endpoint = process.endpoint(),
                      .metrics_endpoint = process.metrics_endpoint(),
                      .pid = process.pid(),
                      .host = process.host(),
                      .device_kind = process.device_kind(),
                      .threads = process.threads(),
                      .build = process.build()};
}

v1::ForkPoint EncodeForkPoint(const JobRecord::Fork& fork) {
  v1::ForkPoint message;
  message.set_parent(fork.parent);
  message.set_step(fork.step);
  message.set_state_hash(fork.state_hash);
  return message;
}

std::string EncodeRecord(const JobRecord& record) {
  v1::StoredJob message;
  message.set_id(record.id);
  message.set_number(record.number);
  *message.mutable_job() = record.job;
  message.mutable_leaf_plan()->Add(record.leaf_plan.begin(), record.leaf_plan.end());
  message.set_idempotency_key(record.idempotency_key);
  message.set_fingerprint(record.fingerprint);
  message.set_state(EncodeJobState(record.state));
  message.set_reason(record.reason);
  if (record.data.has_value()) *message.mutable_data() = EncodeDataFacts(*record.data);
  message.set_initial_weights(record.initial_weights);
  message.set_device_kind(record.device_kind);
  message.set_term(record.term);
  *message.mutable_restore() = EncodeRestorePoint(record.restore);
  *message.mutable_map() = EncodeChunkMap(record.map);
  if (record.checkpoint.has_value()) *message.mutable_checkpoint() = EncodeRestorePoint(*record.checkpoint);
  message.set_submitted(EncodeTime(record.submitted));
  message.set_started(EncodeTime(record.started));
  message.set_finished(EncodeTime(record.finished));
  message.set_train_time(absl::ToInt64Nanoseconds(record.train_time));
  message.set_train_time_at(EncodeTime(record.train_time_at));
  message.mutable_counters()->insert(record.counters.begin(), record.counters.end());
  message.mutable_peak_rss_bytes()->insert(record.peak_rss_bytes.begin(), record.peak_rss_bytes.end());
  for (const Introduction& member : record.crew) *message.add_crew() = EncodeIntroduction(member);
  if (record.assignment.has_value()) *message.mutable_assignment() = EncodeAssignment(*record.assignment);
  message.set_pausing(record.pausing);
  if (record.fork.has_value()) *message.mutable_fork() = EncodeFork(*record.fork);
  message.set_life(record.life);
  return message.SerializeAsString();
}

absl::StatusOr<JobRecord> DecodeRecord(const std::string& bytes) {
  v1::StoredJob message;
  if (!message.ParseFromString(bytes)) return absl::DataLossError("a job's record in the store cannot be read");
  JobRecord record;
  record.id = message.id();
  record.number = message.number();
  record.job = message.job();
  record.leaf_plan = {message.leaf_plan().begin(), message.leaf_plan().end()};
  record.idempotency_key = message.idempotency_key();
  record.fingerprint = message.fingerprint();
  ASSIGN_OR_RETURN(record.state, DecodeJobState(message.state()));
  record.reason = message.reason();
  if (message.has_data()) record.data = DecodeDataFacts(message.data());
  record.initial_weights = message.initial_weights();
  record.device_kind = message.device_kind();
  record.term = message.term();
  record.restore = DecodeRestorePoint(message.restore());
  if (message.map().servers_size() > 0) {
    ASSIGN_OR_RETURN(record.map, DecodeChunkMap(message.map()));
  } else {
    record.map.epoch = message.map().epoch();  // the term is over; the next map's is greater
  }
  if (message.has_checkpoint()) record.checkpoint = DecodeRestorePoint(message.checkpoint());
  record.submitted = DecodeTime(message.submitted());
  record.started = DecodeTime(message.started());
  record.finished = DecodeTime(message.finished());
  record.train_time = absl::Nanoseconds(message.train_time());
  record.train_time_at = DecodeTime(message.train_time_at());
  record.counters = {message.counters().begin(), message.counters().end()};
  record.peak_rss_bytes = {message.peak_rss_bytes().begin(), message.peak_rss_bytes().end()};
  for (const v1::Process& process : message.crew()) {
    ASSIGN_OR_RETURN(Introduction member, DecodeIntroduction(process));
    record.crew.push_back(std::move(member));
  }
  if (message.has_assignment()) record.assignment = DecodeAssignment(message.assignment());
  record.pausing = message.pausing();
  if (message.has_fork()) record.fork = DecodeFork(message.fork());
  record.life = message.life();
  return record;
}

}  // namespace banyan::coordinator
