#ifndef BANYAN_WORKER_TRAINING_ACTION_H_
#define BANYAN_WORKER_TRAINING_ACTION_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/client/step_types.h"

// What a stage of a model group does, as a list: generators make lists, the checker reads them, an executor carries them
// out in order. docs/adr/0004-action-lists.md.
namespace banyan::worker {

enum class ActionKind : uint8_t {
  kPull,      // the stage's weights of the step before are in place
  kLoad,      // the leaf's samples
  kReceive,   // from `peer`: activations, or with `gradient` their gradients
  kForward,
  kBackward,  // gives the stage's gradients to the sink, each when it is complete
  kEvaluate,  // forward of a held-out run, loss only
  kSend,      // to `peer`; does not wait for it
  kPush,      // the leaf's gradients are whole: they go up the tree and to the servers
};

struct Action {
  ActionKind kind = ActionKind::kPull;
  uint32_t stage = 0;
  uint32_t leaf = 0;      // none for kPull
  uint32_t peer = 0;      // stage; kReceive and kSend
  bool gradient = false;  // kReceive and kSend: of activations, travelling backward

  friend bool operator==(const Action&, const Action&) = default;
};

// `BACKWARD stage 1 leaf 3`.
std::string Describe(const Action& action);

// One list a stage; a list runs in order, lists run side by side.
using Schedule = std::vector<std::vector<Action>>;

// A group of one stage: its leaves one after another, on weights that are in place.
Schedule MakeSingleStage(Pass pass, std::span<const uint32_t> leaves);

struct ScheduleLimits {
  // Leaves of a stage between their forward and their backward.
  uint32_t activation_sets = 1;
};

// Whether the lists run through: every action finds what it needs in place, nobody waits for ever, nothing sent is left
// over, and no stage holds more activations than it has room for. FAILED_PRECONDITION names the first action that cannot
// run and why.
absl::Status CheckSchedule(const Schedule& schedule, const ScheduleLimits& limits);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_ACTION_H_
