#ifndef BANYAN_TESTS_SIMULATOR_MESSAGE_KIND_H_
#define BANYAN_TESTS_SIMULATOR_MESSAGE_KIND_H_

#include <string_view>

#include "common/protocol/messages.h"
#include "coordinator/cluster/decider.h"

namespace banyan::simulator {

// What one process says to another, as far as faults wait for it.
enum class MessageKind {
  kOther,  // a report without any news
  kHello,
  kPush,
  kPull,
  kState,  // what a shard has, told to a worker
  kWeights,
  kMark,  // done_through or the window's end, and no chunk
  kMoved,
  kGreeting,
  kRoot,
  kChunkState,
  kHeld,
  kSum,
  kEntries,  // a report with ledger entries
  kPart,     // a report of a checkpoint's part, or that it was missed
  kInSync,   // a report of a backup that came to be in sync
  kCommand,
  kAssignment,  // a command with leaves that the process has not been told of
  kMap,         // a command with a map that the process has not been told of
};

std::string_view NameOf(MessageKind kind);

MessageKind KindOf(const ToServer& message);
MessageKind KindOf(const ToWorker& message);
MessageKind KindOf(const ToBackup& message);
MessageKind KindOf(const coordinator::Cluster::Heard& report);
// A command to a process that was told `before`.
MessageKind KindOf(const coordinator::Decider::Command& before, const coordinator::Decider::Command& command);

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_MESSAGE_KIND_H_
