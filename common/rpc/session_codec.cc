#include "common/rpc/session_codec.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/exchange_codec.h"

namespace banyan {
namespace {

v1::CheckpointPart EncodePart(const CheckpointPart& part) {
  v1::CheckpointPart message;
  message.set_term(part.term);
  message.set_step(part.step);
  message.set_missed(part.missed);
  message.set_failure(part.failure);
  message.set_epoch(part.epoch);
  for (const CheckpointPart::Range& range : part.ranges) {
    v1::CheckpointPart::Range& written = *message.add_ranges();
    written.set_file(range.file);
    written.set_offset(range.offset);
    written.set_size(range.size);
    written.set_checksum(range.checksum);
  }
  return message;
}

CheckpointPart DecodePart(const v1::CheckpointPart& message) {
  CheckpointPart part = {.term = message.term(),
                         .epoch = message.epoch(),
                         .step = message.step(),
                         .missed = message.missed(),
                         .failure = message.failure()};
  for (const v1::CheckpointPart::Range& range : message.ranges()) {
    part.ranges.push_back({.file = range.file(),
                           .offset = range.offset(),
                           .size = range.size(),
                           .checksum = range.checksum()});
  }
  return part;
}

}  // namespace

v1::JobCommand EncodeJobOrder(const JobOrder& order) {
  v1::JobCommand message;
  message.set_term(order.term);
  if (order.restore.has_value()) {
    message.mutable_restore()->set_step(order.restore->step);
    message.mutable_restore()->set_directory(order.restore->directory);
  }
  if (order.map.has_value()) *message.mutable_map() = EncodeChunkMap(*order.map);
  if (order.assignment.has_value()) *message.mutable_assignment() = EncodeAssignment(*order.assignment);
  message.set_checkpoint_step(order.checkpoint_step);
  message.set_checkpoint_directory(order.checkpoint_directory);
  message.set_last_step(order.last_step);
  message.set_ledger_through(order.ledger_through);
  message.set_state(EncodeJobState(order.state));
  message.set_index_data(order.index_data);
  return message;
}

absl::StatusOr<JobOrder> DecodeJobOrder(const v1::JobCommand& message, uint64_t coordinator_term) {
  JobOrder order = {.coordinator_term = coordinator_term,
                    .term = message.term(),
                    .checkpoint_step = message.checkpoint_step(),
                    .checkpoint_directory = message.checkpoint_directory(),
                    .last_step = message.last_step(),
                    .ledger_through = message.ledger_through(),
                    .index_data = message.index_data()};
  ASSIGN_OR_RETURN(order.state, DecodeJobState(message.state()));
  if (message.has_restore()) {
    order.restore = RestorePoint{.step = message.restore().step(), .directory = message.restore().directory()};
  }
  if (message.has_map()) {
    ASSIGN_OR_RETURN(order.map, DecodeChunkMap(message.map()));
  }
  if (message.has_assignment()) order.assignment = DecodeAssignment(message.assignment());
  return order;
}

v1::JobReport EncodeJobReport(const std::string& job, const JobReport& report) {
  v1::JobReport message;
  message.set_job(job);
  message.set_term(report.term);
  message.set_epoch(report.epoch);
  message.set_assignment_version(report.assignment_version);
  message.set_ready(report.ready);
  for (const JobReport::OpenStep& open : report.open) {
    v1::JobReport::OpenStep& step = *message.add_open();
    step.set_step(open.step);
    const std::vector<uint8_t> missing = open.missing.ToBytes();
    step.set_missing_leaves(missing.data(), missing.size());
  }
  message.mutable_broken_peers()->Add(report.broken_peers.begin(), report.broken_peers.end());
  for (const InSync& news : report.in_sync) {
    v1::JobReport::InSync& part = *message.add_in_sync();
    part.set_chunk(news.chunk.value());
    part.set_backup(news.backup.value());
    part.set_backup_incarnation(news.incarnation.value());
    part.set_epoch(news.epoch);
  }
  for (const CheckpointPart& part : report.parts) *message.add_parts() = EncodePart(part);
  for (const Entry& entry : report.entries) *message.add_entries() = EncodeEntry(entry);
  for (const Wait& wait : report.waits) {
    v1::Wait& part = *message.add_waits();
    part.set_what(wait.what);
    part.mutable_parties()->Add(wait.parties.begin(), wait.parties.end());
    part.set_detail(wait.detail);
    part.set_since(wait.since);
  }
  if (report.data.has_value()) *message.mutable_data() = EncodeDataFacts(*report.data);
  message.set_initial_weights(report.initial_weights);
  message.set_failure(report.failure);
  message.set_restore_failed(report.restore_failed);
  message.set_seconds_per_leaf(report.seconds_per_leaf);
  message.set_seconds_per_push(report.seconds_per_push);
  message.mutable_counters()->insert(report.counters.begin(), report.counters.end());
  for (const LeafAudit& audit : report.audits) {
    v1::LeafAudit& part = *message.add_audits();
    part.set_term(audit.term);
    part.set_step(audit.step);
    part.set_leaf(audit.leaf);
    part.mutable_fingerprints()->Add(audit.fingerprints.begin(), audit.fingerprints.end());
  }
  return message;
}

absl::StatusOr<JobReport> DecodeJobReport(const v1::JobReport& message, uint32_t leaves) {
  JobReport report = {.term = message.term(),
                      .epoch = message.epoch(),
                      .assignment_version = message.assignment_version(),
                      .ready = message.ready(),
                      .broken_peers = {message.broken_peers().begin(), message.broken_peers().end()},
                      .initial_weights = message.initial_weights(),
                      .failure = message.failure(),
                      .restore_failed = message.restore_failed(),
                      .seconds_per_leaf = message.seconds_per_leaf(),
                      .seconds_per_push = message.seconds_per_push(),
                      .counters = {message.counters().begin(), message.counters().end()}};
  for (const v1::JobReport::OpenStep& open : message.open()) {
    if (leaves == 0) return absl::InvalidArgumentError("report names open steps of a job that has not started");
    const auto* bytes = reinterpret_cast<const uint8_t*>(open.missing_leaves().data());
    ASSIGN_OR_RETURN(LeafSet missing, LeafSet::FromBytes(leaves, std::span(bytes, open.missing_leaves().size())));
    report.open.push_back({.step = open.step(), .missing = std::move(missing)});
  }
  for (const v1::JobReport::InSync& part : message.in_sync()) {
    report.in_sync.push_back({.epoch = part.epoch(),
                              .chunk = ChunkId(part.chunk()),
                              .backup = ServerId(part.backup()),
                              .incarnation = Incarnation(part.backup_incarnation())});
  }
  for (const v1::CheckpointPart& part : message.parts()) report.parts.push_back(DecodePart(part));
  for (const v1::Entry& entry : message.entries()) report.entries.push_back(DecodeEntry(entry));
  for (const v1::Wait& wait : message.waits()) {
    report.waits.push_back({.what = wait.what(),
                            .parties = {wait.parties().begin(), wait.parties().end()},
                            .detail = wait.detail(),
                            .since = wait.since()});
  }
  if (message.has_data()) report.data = DecodeDataFacts(message.data());
  for (const v1::LeafAudit& audit : message.audits()) {
    report.audits.push_back({.term = audit.term(),
                             .step = audit.step(),
                             .leaf = audit.leaf(),
                             .fingerprints = {audit.fingerprints().begin(), audit.fingerprints().end()}});
  }
  return report;
}

v1::DataFacts EncodeDataFacts(const DataFacts& facts) {
  v1::DataFacts message;
  message.set_hash(facts.hash);
  message.set_samples(facts.samples);
  message.set_held_out_samples(facts.held_out_samples);
  message.set_vocabulary(facts.vocabulary);
  message.set_features(facts.features);
  message.set_targets(facts.targets);
  return message;
}

DataFacts DecodeDataFacts(const v1::DataFacts& message) {
  return {.hash = message.hash(),
          .samples = message.samples(),
          .held_out_samples = message.held_out_samples(),
          .vocabulary = message.vocabulary(),
          .features = message.features(),
          .targets = message.targets()};
}

v1::Assignment EncodeAssignment(const Assignment& assignment) {
  v1::Assignment message;
  message.set_version(assignment.version);
  message.set_from_step(assignment.from_step);
  message.set_max_pending(assignment.max_pending);
  for (const Assignment::Share& share : assignment.shares) {
    v1::Assignment::Share& part = *message.add_shares();
    part.set_worker(share.worker.value());
    for (const Node& node : share.nodes) *part.add_nodes() = EncodeNode(node);
  }
  return message;
}

Assignment DecodeAssignment(const v1::Assignment& message) {
  Assignment assignment = {.version = message.version(),
                           .from_step = message.from_step(),
                           .max_pending = message.max_pending()};
  for (const v1::Assignment::Share& part : message.shares()) {
    Assignment::Share share = {.worker = WorkerId(part.worker())};
    for (const v1::TreeNode& node : part.nodes()) share.nodes.push_back(DecodeNode(node));
    assignment.shares.push_back(std::move(share));
  }
  return assignment;
}

v1::JobState EncodeJobState(JobState state) {
  // The two enumerations are in the same order.
  return static_cast<v1::JobState>(static_cast<int>(state) + v1::QUEUED);
}

absl::StatusOr<JobState> DecodeJobState(v1::JobState state) {
  if (state < v1::QUEUED || state > v1::FAILED) {
    return absl::InvalidArgumentError(absl::StrCat("job state ", state, " is unknown"));
  }
  return static_cast<JobState>(state - v1::QUEUED);
}

}  // namespace banyan
