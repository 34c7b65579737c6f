#include "tests/simulator/message_kind.h"

#include <algorithm>
#include <variant>

namespace banyan::simulator {
namespace {

// Of the one job.
Epoch EpochOf(const coordinator::Decider::Command& command) {
  if (command.jobs.empty()) return 0;
  const JobOrder& order = command.jobs.begin()->second;
  return order.map.has_value() ? order.map->epoch : 0;
}

}  // namespace

std::string_view NameOf(MessageKind kind) {
  constexpr std::string_view kNames[] = {"message", "push",    "weights", "root",    "state of a chunk", "held", "sum",
                                         "entries", "in sync", "command", "new map"};
  return kNames[static_cast<size_t>(kind)];
}

MessageKind KindOf(const ToServer& message) {
  return std::holds_alternative<Push>(message) ? MessageKind::kPush : MessageKind::kOther;
}

MessageKind KindOf(const ToWorker& message) {
  const auto* const weights = std::get_if<Weights>(&message);
  return weights != nullptr && weights->chunk.has_value() ? MessageKind::kWeights : MessageKind::kOther;
}

MessageKind KindOf(const ToBackup& message) {
  if (std::holds_alternative<Root>(message)) return MessageKind::kRoot;
  return std::holds_alternative<ChunkState>(message) ? MessageKind::kChunkState : MessageKind::kOther;
}

MessageKind KindOf(const coordinator::Cluster::Heard& report) {
  const auto any = [&](const auto& list) {
    return std::ranges::any_of(report.jobs, [&](const auto& job) { return !(job.second.*list).empty(); });
  };
  if (any(&JobReport::in_sync)) return MessageKind::kInSync;
  return any(&JobReport::entries) ? MessageKind::kEntries : MessageKind::kOther;
}

MessageKind KindOf(const coordinator::Decider::Command& before, const coordinator::Decider::Command& command) {
  return EpochOf(command) > EpochOf(before) ? MessageKind::kMap : MessageKind::kCommand;
}

}  // namespace banyan::simulator
