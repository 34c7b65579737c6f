#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/placement/balance.h"
#include "coordinator/placement/placement.h"
#include "coordinator/placement/replicas.h"

// The fourth part of JobMachine: who has which chunks, and what becomes of them when servers go and come.
namespace banyan::coordinator {
namespace {

// Chunks that get a new backup at once: they wait until it has their state.
constexpr uint64_t kBatchBytes = 64 << 20;

}  // namespace

bool JobMachine::Reclaims(Now now) const {
  return record_.state == JobState::kRecovering && !term_is_over() && now.monotonic < give_up_at_;
}

uint32_t JobMachine::servers_wanted(Now now) const {
  if (at_rest() || record_.state == JobState::kStopping) return 0;
  size_t count = record_.job.run().servers().count();
  // One that is told that the job is not its any more drops its chunks.
  if (Reclaims(now)) count = std::max(count, record_.map.servers.size());
  return count > servers_.size() ? static_cast<uint32_t>(count - servers_.size()) : 0;
}

uint32_t JobMachine::replicas() const { return record_.job.run().servers().replicas(); }

std::vector<uint64_t> JobMachine::ChunkBytes() const {
  std::vector<uint64_t> bytes;
  for (uint32_t chunk = 0; chunk < plan_->layout.chunk_count(); ++chunk) {
    bytes.push_back(static_cast<uint64_t>(plan_->layout.chunk(ChunkId(chunk)).element_count) * sizeof(float));
  }
  bytes.push_back(0);  // the evaluation chunk
  return bytes;
}

// Its weights.
uint64_t JobMachine::ModelBytes() const {
  if (plan_ == nullptr) return 0;
  const std::vector<uint64_t> bytes = ChunkBytes();
  return std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
}

ChunkMap::Server JobMachine::Describe(const Process& server) {
  const Introduction& introduction = server.member.introduction;
  return {.id = ServerId(server.member.id),
          .incarnation = introduction.incarnation,
          .endpoint = introduction.endpoint,
          .shards = std::max<uint32_t>(1, introduction.threads)};
}

ChunkMap JobMachine::MakeMap() const {
  ChunkMap map = {.epoch = record_.map.epoch + 1};
  std::vector<ServerId> ids;
  for (const auto& [id, process] : servers_) {
    map.servers.push_back(Describe(process));
    ids.emplace_back(id);
  }
  const std::vector<uint64_t> bytes = ChunkBytes();
  for (const uint32_t primary : PlaceChunks(bytes, ids)) map.owners.push_back({.primary = primary});
  NameBackups(bytes, replicas(), UINT64_MAX, {}, map);
  return map;
}

bool JobMachine::ServersReady(bool but_backups) const {
  if (term_is_over()) return false;
  std::set<uint32_t> primaries;
  for (const ChunkMap::Owner& owner : record_.map.owners) primaries.insert(owner.primary);
  for (uint32_t i = 0; i < record_.map.servers.size(); ++i) {
    const ChunkMap::Server& server = record_.map.servers[i];
    const auto found = servers_.find(server.id.value());
    if (found == servers_.end() || found->second.member.introduction.incarnation != server.incarnation) return false;
    if (!found->second.ready && !(but_backups && !primaries.contains(i))) return false;
  }
  return true;
}

// One write; nobody hears of the map before. Parts of checkpoints belong to a map.
void JobMachine::AdoptMap(ChunkMap map, Now now, std::string text) {
  map.epoch = record_.map.epoch + 1;
  record_.map = std::move(map);
  NoteNamed();
  parts_.clear();
  even_ = false;
  settled_step_ = std::max(settled_step_, book_->highest());
  CountTrainTime(now);
  Persist();
  Note(now, "MAP", "", absl::StrCat("epoch ", record_.map.epoch, ": ", text));
}

bool JobMachine::Stepping() const {
  return record_.state == JobState::kRunning || record_.state == JobState::kStopping ||
         (record_.state == JobState::kRecovering && ServersReady());
}

bool JobMachine::CanSpare(ServerId id) const {
  if (!servers_.contains(id.value()) || !Stepping() || term_is_over()) return false;
  const std::optional<ChunkMap> rest = WithoutServer(record_.map, id);
  return rest.has_value() && !rest->servers.empty();
}

// Rule R9: where the server was the primary, a backup that is in sync goes on, in the same step. Without replicas too,
// while a chunk moves.
bool JobMachine::GoesOnWithout(ServerId server, Now now) {
  if (term_is_over()) return false;
  std::optional<ChunkMap> rest = WithoutServer(record_.map, server);
  if (!rest.has_value() || rest->servers.empty()) return false;
  if (rest->servers.size() == record_.map.servers.size()) return true;
  AdoptMap(*std::move(rest), now, absl::StrCat("backups go on without server ", server.value()));
  ++record_.counters["servers_survived"];
  return true;
}

void JobMachine::Meet(const Members::Member& server, Now now) {
  if (record_.state != JobState::kRecovering || term_is_over()) return;
  const ServerId id(server.id);
  const auto known = std::ranges::find_if(record_.map.servers, [id](const auto& one) { return one.id == id; });
  if (known == record_.map.servers.end() || known->incarnation == server.introduction.incarnation) return;
  Note(now, "SERVER_LOST", server.introduction.name, "another life of it came");
  if (GoesOnWithout(id, now)) return;
  record_.map = {.epoch = record_.map.epoch};
  Persist();
}

// After the coordinator was away: what went in the meantime, and did not come again.
void JobMachine::GoOnWithoutTheMissing(Now now) {
  const std::vector<ChunkMap::Server> servers = record_.map.servers;
  for (const ChunkMap::Server& server : servers) {
    const auto found = servers_.find(server.id.value());
    if (found != servers_.end() && found->second.member.introduction.incarnation == server.incarnation) continue;
    if (!GoesOnWithout(server.id, now)) return;
  }
}

// Copies that are missing, or on servers that leave, are made where there is room, while training goes on; a batch at a
// time. When all are there, who leaves is left out, as if it had died: its backups are in sync. What is only uneven can
// wait until no checkpoint is under way, for a map begins its parts anew.
void JobMachine::Rebuild(Now now) {
  if (even_ || !AllInSync(record_.map)) return;
  std::set<ServerId> leaving;
  for (const auto& [id, process] : servers_) {
    if (process.member.draining) leaving.insert(ServerId(id));
  }
  ChunkMap map = record_.map;
  for (const auto& [id, process] : servers_) {
    const bool known = std::ranges::any_of(map.servers, [id = id](const ChunkMap::Server& server) {
      return server.id.value() == id;
    });
    if (!known && !process.member.draining) map.servers.push_back(Describe(process));
  }
  const std::vector<uint64_t> bytes = ChunkBytes();
  if (NameBackups(bytes, replicas(), kBatchBytes, leaving, map)) {
    return AdoptMap(std::move(map), now, "backups named");
  }
  for (const ServerId server : leaving) Dismiss(server, now);
  if (!leaving.empty() || CheckpointUnderWay()) return;
  const BalanceRules rules = {
      .chunk_bytes = bytes, .replicas = replicas(), .most_bytes = kBatchBytes, .leaving = leaving};
  if (DropSurplus(rules, map)) {
    AdoptMap(std::move(map), now, "copies dropped");
  } else if (MoveTowardsBalance(rules, map)) {
    AdoptMap(std::move(map), now, "chunks move to servers that have fewer");
  } else {
    even_ = true;
  }
}

// A server that leaves, if its chunks are elsewhere.
void JobMachine::Dismiss(ServerId server, Now now) {
  std::optional<ChunkMap> rest = WithoutServer(record_.map, server);
  if (!rest.has_value() || rest->servers.empty()) return;
  const auto found = servers_.find(server.value());
  const std::string name = found->second.member.introduction.name;
  if (rest->servers.size() < record_.map.servers.size()) {
    AdoptMap(*std::move(rest), now, absl::StrCat("the chunks of ", name, " have moved"));
  }
  KeepCounters(found->second);
  servers_.erase(found);
  Note(now, "SERVER_LEFT", name, "");
}

// A scheduled checkpoint that servers write, or have written and is not published.
bool JobMachine::CheckpointUnderWay() const {
  if (!publishing_.empty() || (!parts_.empty() && parts_.rbegin()->first > settled_step_)) return true;
  const Step next = book_->highest() + 1;
  if (next == 1) return true;  // that of step 0
  const DueSteps& due = plan_->checkpoints;
  const Step newest = next >= due.last_step ? due.last_step : due.every == 0 ? 0 : next - next % due.every;
  return newest > settled_step_;
}

absl::Status JobMachine::ScaleServers(uint32_t count, Now now) {
  if (count == 0) return absl::InvalidArgumentError("a job has one server at least");
  record_.job.mutable_run()->mutable_servers()->set_count(count);
  Persist();
  if (at_rest()) return absl::OkStatus();
  Note(now, "SCALED", "", absl::StrCat(count, count == 1 ? " server" : " servers"));
  ChooseDismissed();
  Proceed(now);
  return absl::OkStatus();
}

// The last that came leave first. Who drains by itself leaves in any case.
void JobMachine::ChooseDismissed() {
  size_t stay = 0;
  for (auto& [id, process] : servers_) {
    if (process.member.draining && !process.dismissed) continue;
    process.dismissed = process.member.draining = stay++ >= record_.job.run().servers().count();
  }
  even_ = false;
}

void JobMachine::DrainServer(ServerId id, Now now) {
  const auto found = servers_.find(id.value());
  if (found == servers_.end()) return;
  found->second.dismissed = false;
  if (std::exchange(found->second.member.draining, true)) return;
  even_ = false;
  Proceed(now);
}

// Durable before it is used; the epoch stays, for nobody else goes by it. The news name their epoch, and are told once:
// the rest of the report may be of an older term, where another shard of the server is behind.
void JobMachine::TakeInSync(uint64_t server, const JobReport& report) {
  bool news = false;
  for (const InSync& told : report.in_sync) {
    if (told.epoch != record_.map.epoch || told.chunk.value() >= record_.map.owners.size()) continue;
    ChunkMap::Owner& owner = record_.map.owners[told.chunk.value()];
    if (record_.map.servers[owner.primary].id.value() != server) continue;
    for (const uint32_t backup : owner.backups) {
      const ChunkMap::Server& known = record_.map.servers[backup];
      if (known.id != told.backup || known.incarnation != told.incarnation) continue;
      if (std::ranges::find(owner.in_sync, backup) != owner.in_sync.end()) continue;
      owner.in_sync.push_back(backup);
      news = true;
    }
  }
  if (news) Persist();
}

}  // namespace banyan::coordinator
