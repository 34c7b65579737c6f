// What faults do to a simulated cluster; the rest is in cluster.cc.

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulator/cluster.h"

namespace banyan::simulator {
namespace {

// Processes die at one of the next calls of their disk.
constexpr uint32_t kDiskCalls = 40;
// Until a fault that must wait is tried again.
constexpr absl::Duration kPatience = absl::Milliseconds(20);

}  // namespace

// The message is handed out, and on its way only then: what cuts it off meets it, what kills its sender does so when it
// is on its way.
void Cluster::OnSent(MessageKind kind, Place from, Place to) {
  using enum Fault::Kind;
  if (waiting_.empty()) return;
  std::vector<Fault> now;
  std::erase_if(waiting_, [&](const Fault& fault) {
    if (fault.moment != kind) return false;
    now.push_back(fault);
    return true;
  });
  for (Fault& fault : now) {
    ++outcome_.counts["moments"];
    ++outcome_.counts[absl::StrCat("moments (", std::string(NameOf(kind)), ")")];
    fault = AtMoment(fault, from, to);
    if (fault.after == absl::ZeroDuration() && fault.kind == kCut) {
      Apply(fault);
    } else {
      events_.After(fault.after, [this, fault] { Apply(fault); });
    }
  }
}

// Most faults of a moment meet its sender, some its receiver, few somebody else.
Fault Cluster::AtMoment(Fault fault, Place from, Place to) const {
  using enum Fault::Kind;
  const auto servers = static_cast<uint32_t>(servers_.size());
  if (fault.which % 8 == 0) return fault;
  if (fault.which % 8 >= 5) std::swap(from, to);
  const auto is_server = [&](Place place) { return place >= 1 && place <= servers; };
  const auto is_worker = [&](Place place) { return place > servers; };
  switch (fault.kind) {
    case kCrashServer:
    case kDrainServer:
    case kCrashHost:
      if (is_server(from) || is_server(to)) fault.which = (is_server(from) ? from : to) - 1;
      if (is_worker(to)) fault.other = to - 1 - servers;
      break;
    case kCrashWorker:
    case kLeaveWorker:
      if (is_worker(from) || is_worker(to)) fault.which = (is_worker(from) ? from : to) - 1 - servers;
      break;
    case kCrashCoordinator:
      break;
    default:
      fault.which = from;
      fault.other = to;
  }
  return fault;
}

void Cluster::Apply(const Fault& fault) {
  using enum Fault::Kind;
  const bool of_server = fault.kind == kCrashServer || fault.kind == kDrainServer || fault.kind == kCrashHost ||
                         fault.kind == kSever;
  if (options_.profile.spare && of_server && !CanSpareOne()) {
    return events_.After(kPatience, [this, fault] { Apply(fault); });
  }
  const Place place = fault.which % places();
  switch (fault.kind) {
    case kBreakStream:
      return BreakStream(fault);
    case kCrashCoordinator:
      return CrashCoordinator(fault);
    case kCrashServer:
      return CrashServer(fault);
    case kDrainServer:
      return DrainServer(fault.which % static_cast<uint32_t>(servers_.size()));
    case kCrashWorker:
      return EndWorker(fault.which % workers_.size(), fault.how % 3 == 0 ? fault.length : absl::ZeroDuration(),
                       fault.length);
    case kCrashHost:
      EndServer(fault.which % static_cast<uint32_t>(servers_.size()), absl::ZeroDuration(), fault.length);
      return EndWorker(fault.other % static_cast<uint32_t>(workers_.size()), absl::ZeroDuration(), fault.length);
    case kLeaveWorker: {
      WorkerProcess* const worker = workers_[fault.which % workers_.size()].get();
      if (worker != nullptr) worker->Drain();
      return;
    }
    case kPause:
      if (const LifeRef life = LifeAt(place)) life->Pause(fault.length);
      ++outcome_.counts["pauses"];
      return;
    case kCut:
      return CutNetwork(fault);
    case kSever:
      return Sever(fault);
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
      return people_->Halt(fault.how % 3 == 0 ? People::How::kStopNow : People::How::kStop);
    case kPauseJob:
      return people_->Halt(People::How::kPause);
    case kScale:
      return fault.how % 2 == 0 ? people_->ScaleWorkers(fault) : people_->ScaleServers(fault);
    case kFork:
      return;  // people have been told (MakePeople)
    case kCrash:
      return Crash(place, fault);
  }
}

void Cluster::Crash(Place place, const Fault& fault) {
  const absl::Duration silence = fault.how % 3 == 0 ? fault.length : absl::ZeroDuration();
  if (place == kCoordinatorPlace) return EndCoordinator(fault.length);
  if (place < worker_place(0)) return EndServer(place - server_place(0), silence, fault.length);
  EndWorker(place - worker_place(0), silence, fault.length);
}

void Cluster::CutNetwork(const Fault& fault) {
  ++outcome_.counts["partitions"];
  const Place place = fault.which % places();
  const Place other = fault.other % places();
  network_.Cut(place, other, fault.length);
  if (fault.moment == MessageKind::kOther ? fault.how % 2 == 0 : fault.how % 3 == 0) {
    network_.Cut(other, place, fault.length);
  }
  if (fault.moment == MessageKind::kOther || fault.how % 3 != 1) return;
  for (Place everybody = 0; everybody < places(); ++everybody) network_.Cut(place, everybody, fault.length);
}

void Cluster::Sever(const Fault& fault) {
  const auto servers = static_cast<uint32_t>(servers_.size());
  const uint32_t which = fault.which % servers;
  const uint32_t other = (which + 1 + fault.other % (servers - 1)) % servers;
  if (std::exchange(has_severed_, true)) return;
  ++outcome_.counts["severed servers"];
  if (fault.how % 3 == 0) return network_.Sever(server_place(which), server_place(other));
  for (Place place = fault.how % 3 == 1 ? server_place(0) : worker_place(0); place < places(); ++place) {
    if (place != server_place(which)) network_.Sever(server_place(which), place);
  }
}

void Cluster::BreakStream(const Fault& fault) {
  std::vector<Wire> wires = network_.wires();
  // A server's session is its life, as far as the coordinator can tell.
  if (options_.profile.spare) {
    std::erase_if(wires, [this](Wire wire) {
      const auto [from, to] = network_.PlacesOf(wire);
      return to == kCoordinatorPlace && from <= servers_.size();
    });
  }
  // At a moment: one of a process's streams, its session often.
  if (fault.moment != MessageKind::kOther) {
    const Place place = fault.which % places();
    std::erase_if(wires, [&](Wire wire) {
      const auto [from, to] = network_.PlacesOf(wire);
      return (from != place && to != place) || (fault.how % 2 == 0 && to != kCoordinatorPlace);
    });
    if (!wires.empty()) network_.Break(wires[fault.how / 2 % wires.size()]);
    return;
  }
  if (!wires.empty()) network_.Break(wires[fault.which % wires.size()]);
}

bool Cluster::CanSpareOne() const {
  const coordinator::JobRecord* const record = people_->job();
  if (record == nullptr || record->state != JobState::kRunning || record->map.servers.empty()) return false;
  for (const ChunkMap::Server& server : record->map.servers) {
    const ServerProcess* const process = FindServer(server.endpoint);
    if (process == nullptr || process->incarnation() != server.incarnation || process->draining()) return false;
  }
  return std::ranges::all_of(record->map.owners, [](const ChunkMap::Owner& owner) {
    return !owner.backups.empty() && owner.in_sync.size() == owner.backups.size();
  });
}

void Cluster::DrainServer(uint32_t index) {
  if (servers_[index].process != nullptr) servers_[index].process->Drain();
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
  switch (fault.how % (options_.profile.spare ? 2 : 3)) {
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
