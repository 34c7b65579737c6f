#include "tests/simulator/message_kind.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace banyan::simulator {
namespace {

// Of the one job: its map's epoch, and its assignment's version.
std::pair<Epoch, uint64_t> NewsOf(const coordinator::Decider::Command& command) {
  if (command.jobs.empty()) return {0, 0};
  const JobOrder& order = command.jobs.begin()->second;
  return {order.map.has_value() ? order.map->epoch : 0,
          order.assignment.has_value() ? order.assignment->version : 0};
}

}  // namespace

std::string_view NameOf(MessageKind kind) {
  constexpr std::string_view kNames[] = {
      "message", "hello",    "push", "pull",             "state", "weights", "mark",
      "moved",   "greeting", "root", "state of a chunk", "held",  "sum",     "entries",
      "part",    "in sync",  "command", "new assignment", "new map"};
  return kNames[static_cast<size_t>(kind)];
}

MessageKind KindOf(const ToServer& message) {
  if (std::holds_alternative<Hello>(message)) return MessageKind::kHello;
  return std::holds_alternative<Push>(message) ? MessageKind::kPush : MessageKind::kPull;
}

MessageKind KindOf(const ToWorker& message) {
  if (std::holds_alternative<State>(message)) return MessageKind::kState;
  if (std::holds_alternative<Moved>(message)) return MessageKind::kMoved;
  return std::get<Weights>(message).chunk.has_value() ? MessageKind::kWeights : MessageKind::kMark;
}

MessageKind KindOf(const ToBackup& message) {
  if (std::holds_alternative<Root>(message)) return MessageKind::kRoot;
  return std::holds_alternative<ChunkState>(message) ? MessageKind::kChunkState : MessageKind::kGreeting;
}

MessageKind KindOf(const coordinator::Cluster::Heard& report) {
  const auto any = [&](const auto& list) {
    return std::ranges::any_of(report.jobs, [&](const auto& job) { return !(job.second.*list).empty(); });
  };
  if (any(&JobReport::in_sync)) return MessageKind::kInSync;
  if (any(&JobReport::parts)) return MessageKind::kPart;
  return any(&JobReport::entries) ? MessageKind::kEntries : MessageKind::kOther;
}

MessageKind KindOf(const coordinator::Decider::Command& before, const coordinator::Decider::Command& command) {
  const auto [epoch_before, version_before] = NewsOf(before);
  const auto [epoch, version] = NewsOf(command);
  if (epoch > epoch_before) return MessageKind::kMap;
  return version > version_before ? MessageKind::kAssignment : MessageKind::kCommand;
}

}  // namespace banyan::simulator
