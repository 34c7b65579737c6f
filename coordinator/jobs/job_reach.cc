#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "coordinator/jobs/job_machine.h"

// The part of JobMachine that judges servers: who is silent, and who cannot be reached though it is heard here.
namespace banyan::coordinator {
namespace {

bool Leads(const ChunkMap& map, ServerId server) {
  return std::ranges::any_of(
      map.owners, [&](const ChunkMap::Owner& owner) { return map.servers[owner.primary].id == server; });
}

// Whether `from` leads a chunk that `to` has a copy of, or is to have.
bool HasStreamTo(const ChunkMap& map, ServerId from, ServerId to) {
  return std::ranges::any_of(map.owners, [&](const ChunkMap::Owner& owner) {
    return map.servers[owner.primary].id == from &&
           std::ranges::any_of(owner.backups, [&](uint32_t backup) { return map.servers[backup].id == to; });
  });
}

}  // namespace

void JobMachine::NoteNamed() {
  for (auto& [id, process] : servers_) {
    const bool named =
        std::ranges::any_of(record_.map.servers, [id = id](const auto& server) { return server.id.value() == id; });
    if (!named) process.named_at = 0;
    if (named && process.named_at == 0) process.named_at = record_.map.epoch;
  }
}

// Since this life of `server` is in the map: before, it was another one that could not be reached.
bool JobMachine::KnowsOf(const Process& process, ServerId server) const {
  const auto found = servers_.find(server.value());
  return found != servers_.end() && found->second.named_at != 0 && process.last.has_value() &&
         process.last->term == record_.term && process.last->epoch >= found->second.named_at;
}

bool JobMachine::Accuses(const Process& process, ServerId server) const {
  return KnowsOf(process, server) && std::ranges::count(process.last->broken_peers, server.value()) > 0;
}

// Two at least, and more than half of those who have streams to it: one process that cannot reach a server may itself
// be the one that is cut off.
bool JobMachine::MostAccuse(ServerId server) const {
  size_t accusers = 0;
  size_t peers = 0;
  const auto count = [&](const Process& process) {
    ++peers;
    accusers += Accuses(process, server) ? 1 : 0;
  };
  if (Leads(record_.map, server)) {
    for (const auto& [id, worker] : workers_) count(worker);
  }
  for (const auto& [id, other] : servers_) {
    if (HasStreamTo(record_.map, ServerId(id), server)) count(other);
  }
  return accusers >= 2 && 2 * accusers > peers;
}

// Other servers that say so of it, or that it says so of.
std::vector<ServerId> JobMachine::CutOffFrom(ServerId server) const {
  std::vector<ServerId> others;
  const auto found = servers_.find(server.value());
  if (found == servers_.end()) return others;
  for (const auto& [id, other] : servers_) {
    if (Accuses(other, server) || Accuses(found->second, ServerId(id))) others.emplace_back(id);
  }
  return others;
}

bool JobMachine::NoWorkerReaches(ServerId server) const {
  return !workers_.empty() && std::ranges::all_of(workers_, [&](const auto& worker) {
    return Accuses(worker.second, server);
  });
}

// A primary commits only with all its backups, so two servers that cannot reach each other hold all up, though all
// others reach both. One of them goes: who is cut off from more, or leads nothing, or has the higher id. So does a
// primary that no worker reaches, where they reach others.
bool JobMachine::HoldsUp(ServerId server) const {
  if (NoWorkerReaches(server)) {
    return std::ranges::any_of(record_.map.servers, [&](const ChunkMap::Server& other) {
      return Leads(record_.map, other.id) && !NoWorkerReaches(other.id);
    });
  }
  const auto cuts = [this](ServerId one) {
    return CutOffFrom(one).size() + static_cast<size_t>(std::ranges::count_if(workers_, [&](const auto& worker) {
             return Accuses(worker.second, one);
           }));
  };
  const auto rank = [&](ServerId one) { return std::tuple(cuts(one), !Leads(record_.map, one), one); };
  return std::ranges::any_of(CutOffFrom(server), [&](ServerId other) {
    return CanSpare(other) ? rank(server) > rank(other) : cuts(server) >= cuts(other);
  });
}

JobMachine::Suspicion JobMachine::Suspect(const Members::Member& server, Now now) {
  const auto found = servers_.find(server.id);
  if (found == servers_.end()) return {};
  const ServerId id(server.id);
  Process& process = found->second;
  // Without workers nothing is held up, and they may know better. A server that has not heard of the map refuses
  // streams, and one that loads says nothing.
  const bool steps = record_.state == JobState::kRunning || record_.state == JobState::kStopping;
  const bool judged = steps && process.ready && KnowsOf(process, id);
  const auto lasts = [now](std::optional<absl::Duration>& since, bool is_so, absl::Duration limit) {
    if (!is_so) since.reset();
    if (is_so && !since.has_value()) since = now.monotonic;
    return is_so && now.monotonic - *since > limit;
  };
  const bool accused = lasts(process.accused_since, judged && MostAccuse(id), options_.accused);
  const bool cut_off = lasts(process.cut_off_since, judged && (NoWorkerReaches(id) || !CutOffFrom(id).empty()),
                             options_.cut_off);
  const absl::Duration silence = now.monotonic - server.last_heard;
  const bool silent = silence > server.patience;
  if ((!silent && !accused && !cut_off) || !CanSpare(id)) return {};
  if (silent) {
    return {.of = Suspicion::Of::kSilent,
            .why = absl::StrCat("silent for ", absl::ToInt64Milliseconds(silence), " ms")};
  }
  if (accused) {
    return {.of = Suspicion::Of::kUnreachable,
            .why = absl::StrCat("most of its peers have not reached it for ", absl::FormatDuration(options_.accused))};
  }
  if (!HoldsUp(id)) return {};
  const char* const who = NoWorkerReaches(id) ? "no worker has reached it for " :
                                                "it and another server have not reached each other for ";
  return {.of = Suspicion::Of::kUnreachable, .why = absl::StrCat(who, absl::FormatDuration(options_.cut_off))};
}

}  // namespace banyan::coordinator
