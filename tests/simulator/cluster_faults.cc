// What faults do to a simulated cluster; the rest is in cluster.cc.

#include <algorithm>

#include "tests/simulator/cluster.h"

namespace banyan::simulator {
namespace {

// Processes die at one of the next calls of their disk.
constexpr uint32_t kDiskCalls = 40;

}  // namespace

void Cluster::Apply(const Fault& fault) {
  using enum Fault::Kind;
  const Place place = fault.which % places();
  switch (fault.kind) {
    case kBreakStream: {
      const std::vector<Wire> wires = network_.wires();
      if (!wires.empty()) network_.Break(wires[fault.which % wires.size()]);
      return;
    }
    case kCrashCoordinator:
      return CrashCoordinator(fault);
    case kCrashServer:
      return CrashServer(fault);
    case kCrashWorker:
      return EndWorker(fault.which % workers_.size(), fault.how % 3 == 0 ? fault.length : absl::ZeroDuration(),
                       fault.length);
    case kLeaveWorker: {
      WorkerProcess* const worker = workers_[fault.which % workers_.size()].get();
      if (worker != nullptr) worker->Drain();
      return;
    }
    case kPause:
      if (const LifeRef life = LifeAt(place)) life->Pause(fault.length);
      ++outcome_.counts["pauses"];
      return;
    case kCut: {
      const Place other = fault.other % places();
      network_.Cut(place, other, fault.length);
      if (fault.how % 2 == 0) network_.Cut(other, place, fault.length);
      ++outcome_.counts["partitions"];
      return;
    }
    case kClockJump:
      if (const LifeRef life = LifeAt(place)) life->JumpClock((fault.how % 2 == 0 ? 1 : -1) * fault.length * 1000);
      ++outcome_.counts["clock jumps"];
      return;
    case kDiskFull:
      disk_full_ = disk_was_full_ = true;
      ++outcome_.counts["full disks"];
      events_.After(fault.length, [this] { disk_full_ = false; });
      return;
    case kPowerCut:
      return CutPower(fault);
    case kStop:
      ++outcome_.counts["stops"];
      return Ask([at_once = fault.how % 3 == 0](coordinator::Decider& decider, coordinator::Decider::Now now) {
        decider.cluster().Stop("j1", at_once, now).IgnoreError();  // it may be over
      });
  }
}

void Cluster::CrashCoordinator(const Fault& fault) {
  if (coordinator_.host == nullptr) return;
  switch (fault.how % 4) {
    case 0: return EndCoordinator(fault.length);
    case 1: return coordinator_.host->CrashAt(CoordinatorHost::CrashPoint::kBeforeCommit);
    case 2: return coordinator_.host->CrashAt(CoordinatorHost::CrashPoint::kAfterCommit);
    default: return coordinator_.disk->DieAt(1 + fault.other % kDiskCalls);
  }
}

void Cluster::CrashServer(const Fault& fault) {
  const uint32_t index = fault.which % static_cast<uint32_t>(servers_.size());
  if (servers_[index].process == nullptr) return;
  switch (fault.how % 3) {
    case 0: return EndServer(index, absl::ZeroDuration(), fault.length);
    case 1: return EndServer(index, fault.length, fault.length);
    default: return servers_[index].disk->DieAt(1 + fault.other % kDiskCalls);
  }
}

void Cluster::CutPower(const Fault& fault) {
  ++outcome_.counts["power cuts"];
  const auto down = [&] { return fault.length * 0.2 + events_.Delay(fault.length); };
  EndCoordinator(down());
  for (uint32_t i = 0; i < servers_.size(); ++i) EndServer(i, absl::ZeroDuration(), down());
  for (uint32_t i = 0; i < workers_.size(); ++i) EndWorker(i, absl::ZeroDuration(), down());
  using enum SimulatedDisk::Unsynced;
  constexpr SimulatedDisk::Unsynced kLeft[] = {kLost, kKept, kTorn};
  disk_.Crash({.names = kLeft[fault.how % 3], .content = kLeft[fault.how / 3 % 3], .seed = fault.other});
}

}  // namespace banyan::simulator
