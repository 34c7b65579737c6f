#include "worker/training/action.h"

#include <array>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace banyan::worker {
namespace {

constexpr std::array<const char*, 8> kNames = {"PULL",     "LOAD",     "RECV", "FORWARD",
                                               "BACKWARD", "EVALUATE", "SEND", "PUSH"};

absl::Status Cannot(const Action& action, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(Describe(action), ": ", why));
}

// Runs lists on paper.
class Rehearsal {
 public:
  Rehearsal(const Schedule& schedule, const ScheduleLimits& limits)
      : limits_(limits), stages_(static_cast<uint32_t>(schedule.size())), leaves_(schedule.size()) {}

  // Whether the action waits for another stage.
  bool Waits(const Action& action) const {
    return action.kind == ActionKind::kReceive && !on_the_way_.contains(MessageTo(action));
  }

  absl::Status Run(uint32_t stage, const Action& action) {
    if (action.stage != stage) return Cannot(action, absl::StrCat("stands in the list of stage ", stage));
    if (action.kind == ActionKind::kPull) return absl::OkStatus();
    Leaf& leaf = leaves_[stage][action.leaf];
    const bool last = stage + 1 == stages_;
    switch (action.kind) {
      case ActionKind::kLoad:
        return Mark(action, leaf.input, true, "");
      case ActionKind::kForward:
        RETURN_IF_ERROR(Mark(action, leaf.forward, leaf.input, "its input is not there"));
        if (++alive_[stage] > limits_.activation_sets) {
          return Cannot(action, absl::StrCat(alive_[stage], " leaves would hold activations, there is room for ",
                                             limits_.activation_sets));
        }
        return absl::OkStatus();
      case ActionKind::kBackward:
        RETURN_IF_ERROR(Mark(action, leaf.backward, leaf.forward && (last || leaf.gradient),
                             leaf.forward ? "the gradient of its output is not there" : "its forward has not run"));
        --alive_[stage];
        return absl::OkStatus();
      case ActionKind::kEvaluate:
        return Mark(action, leaf.evaluated, leaf.input, "its input is not there");
      case ActionKind::kPush:
        return Mark(action, leaf.pushed, leaf.backward || leaf.evaluated, "its gradients are not there");
      case ActionKind::kReceive:
        on_the_way_.erase(MessageTo(action));
        return Mark(action, action.gradient ? leaf.gradient : leaf.input, true, "");
      case ActionKind::kSend:
        if (action.peer >= stages_ || action.peer == stage) return Cannot(action, "there is no such stage");
        if (!(action.gradient ? leaf.backward : leaf.forward || leaf.evaluated)) {
          return Cannot(action, "what it sends is not there");
        }
        if (!on_the_way_.insert({stage, action.peer, action.leaf, action.gradient}).second) {
          return Cannot(action, "is sent twice");
        }
        return absl::OkStatus();
      default:
        return absl::OkStatus();
    }
  }

  absl::Status Finish() const {
    if (!on_the_way_.empty()) {
      const auto& [from, to, leaf, gradient] = *on_the_way_.begin();
      return absl::FailedPreconditionError(absl::StrCat("stage ", to, " never receives what stage ", from,
                                                        " sends it of leaf ", leaf));
    }
    for (uint32_t stage = 0; stage < stages_; ++stage) {
      for (const auto& [number, leaf] : leaves_[stage]) {
        if (!leaf.pushed) {
          return absl::FailedPreconditionError(absl::StrCat("stage ", stage, " never pushes leaf ", number));
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Leaf {
    bool input = false;
    bool forward = false;
    bool gradient = false;
    bool backward = false;
    bool evaluated = false;
    bool pushed = false;
  };
  using Message = std::tuple<uint32_t, uint32_t, uint32_t, bool>;  // from, to, leaf, gradient

  static Message MessageTo(const Action& receive) {
    return {receive.peer, receive.stage, receive.leaf, receive.gradient};
  }

  static absl::Status Mark(const Action& action, bool& mark, bool possible, const char* why) {
    if (!possible) return Cannot(action, why);
    if (mark) return Cannot(action, "has been done before");
    mark = true;
    return absl::OkStatus();
  }

  const ScheduleLimits limits_;
  const uint32_t stages_;
  std::vector<std::map<uint32_t, Leaf>> leaves_;  // by stage
  std::map<uint32_t, uint32_t> alive_;            // by stage: leaves that hold activations
  std::set<Message> on_the_way_;
};

}  // namespace

std::string Describe(const Action& action) {
  std::string text = absl::StrCat(kNames[static_cast<size_t>(action.kind)], " stage ", action.stage);
  if (action.kind != ActionKind::kPull) absl::StrAppend(&text, " leaf ", action.leaf);
  if (action.kind == ActionKind::kSend) absl::StrAppend(&text, " to stage ", action.peer);
  if (action.kind == ActionKind::kReceive) absl::StrAppend(&text, " from stage ", action.peer);
  return text;
}

Schedule MakeSingleStage(Pass pass, std::span<const uint32_t> leaves) {
  std::vector<Action> list = {{.kind = ActionKind::kPull}};
  for (const uint32_t leaf : leaves) {
    list.push_back({.kind = ActionKind::kLoad, .leaf = leaf});
    if (pass != Pass::kEvaluate) {
      list.push_back({.kind = ActionKind::kForward, .leaf = leaf});
      list.push_back({.kind = ActionKind::kBackward, .leaf = leaf});
    } else {
      list.push_back({.kind = ActionKind::kEvaluate, .leaf = leaf});
    }
    list.push_back({.kind = ActionKind::kPush, .leaf = leaf});
  }
  return {std::move(list)};
}

// Sends do not wait, so what can run does not depend on the order in which stages are looked at: the lists run through
// or they stop at the same place every time.
absl::Status CheckSchedule(const Schedule& schedule, const ScheduleLimits& limits) {
  Rehearsal rehearsal(schedule, limits);
  std::vector<size_t> next(schedule.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (uint32_t stage = 0; stage < schedule.size(); ++stage) {
      for (; next[stage] < schedule[stage].size() && !rehearsal.Waits(schedule[stage][next[stage]]); ++next[stage]) {
        RETURN_IF_ERROR(rehearsal.Run(stage, schedule[stage][next[stage]]));
        moved = true;
      }
    }
  }
  for (uint32_t stage = 0; stage < schedule.size(); ++stage) {
    if (next[stage] < schedule[stage].size()) {
      return Cannot(schedule[stage][next[stage]], "waits for ever: nobody sends it before waiting itself");
    }
  }
  return rehearsal.Finish();
}

}  // namespace banyan::worker
