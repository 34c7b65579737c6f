// Primaries and backups: what a map makes of the copies, and what they say to each other (docs/adr/0007, rules R5, R9,
// R10).

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "server/shard/shard.h"

namespace banyan::server {
namespace {

constexpr absl::Duration kHeldPatience = absl::Milliseconds(500);
// Of entries in the header of a chunk's state: a frame has its limit. After a long absence of the coordinator there are
// more; then a new backup waits until it has written lines.
constexpr size_t kMostEntryBytes = 3 << 20;

}  // namespace

// By the map.
bool Shard::IsInSync(ChunkId id) const {
  return std::ranges::any_of(map_.owners[id.value()].in_sync, [this](uint32_t index) {
    const ChunkMap::Server& server = map_.servers[index];
    return server.id == options_.server && server.incarnation == options_.incarnation;
  });
}

void Shard::TakePart(ChunkId id, Epoch before) {
  const Part part = PartIn(options_, map_, id);
  const auto primary = copies_.find(id);
  const auto backup = backups_.find(id);
  if (part == Part::kPrimary && primary == copies_.end()) {
    if (backup == backups_.end() || (backup->second->empty() && ready_)) {
      return Fail(absl::StrCat("chunk ", id.value(), " was given to server ", options_.server.value(),
                               " within term ", term_, ", which does not hold it"));
    }
    // What it holds counts, a root too.
    copies_.insert(backups_.extract(backup));
  } else if (part == Part::kBackup && primary == copies_.end() && backup == backups_.end()) {
    backups_.emplace(id, MakeCopy(id));
  } else if (part == Part::kBackup) {
    if (primary != copies_.end()) {
      // It may be the last one to hold a root that was served. Whoever leads knows by its epoch what it is worth.
      const auto root = roots_.find(id);
      if (root == roots_.end()) {
        primary->second->ForgetStep();
      } else {
        root->second = {.root = std::move(root->second.root), .epoch = before};
      }
      backups_.insert(copies_.extract(primary));
    }
    const bool missed_an_epoch = map_.epoch != before + 1;
    if (missed_an_epoch && ready_ && !IsInSync(id)) {
      // It may have been dropped in between, and the others have gone on without it.
      backups_.at(id)->Empty();
      roots_.erase(id);
    }
  } else if (part == Part::kNone) {
    roots_.erase(id);
    restoring_.erase(id);
    copies_.erase(id);
    backups_.erase(id);
  }
}

// ---- A primary.

void Shard::ConnectFollowers() {
  std::vector<ChunkId> chunks;
  for (const auto& [id, copy] : copies_) chunks.push_back(id);
  followers_.Adopt(map_, chunks);
  std::erase_if(open_followers_, [this](const FollowerId& id) {
    return std::ranges::none_of(followers_.links(), [&id](const Followers::Link& link) { return link.id == id; });
  });
  output_.Connect(followers_.links());
}

void Shard::GreetFollowers() {
  for (const FollowerId& id : open_followers_) OnFollowerOpened(id);
}

void Shard::OnFollowerOpened(const FollowerId& id) {
  open_followers_.insert(id);
  followers_.Forget(id);
  if (!ready_) return;
  output_.SendToFollower(id, Greeting{.term = term_,
                                      .epoch = map_.epoch,
                                      .server = options_.server,
                                      .incarnation = options_.incarnation,
                                      .shard = id.shard});
}

void Shard::OnFollowerClosed(const FollowerId& id) {
  open_followers_.erase(id);
  followers_.Forget(id);
}

void Shard::OnHeld(const FollowerId& id, const Held& held) {
  if (!ready_ || !failure_.empty() || held.term != term_ || held.epoch != map_.epoch) return;
  if (!open_followers_.contains(id)) return;
  for (const Held::Chunk& chunk : held.chunks) {
    const auto found = copies_.find(chunk.chunk);
    if (found == copies_.end()) continue;
    ChunkCopy& copy = *found->second;
    const Followers::Primary primary{
        .applied = copy.applied(),
        .whole = copy.phase() == ChunkCopy::Phase::kWhole,
        .reached = chunk.applied.has_value() && Next(copy, *chunk.applied) == copy.applied()};
    switch (followers_.OnHeld(id, chunk, primary)) {
      case Followers::Need::kState: SendChunkState(id, copy); break;
      case Followers::Need::kRoot: SendRoot(id, copy); break;
      case Followers::Need::kNothing: TryCommit(copy); break;
    }
  }
  TellMarks();
}

void Shard::SendRoot(const FollowerId& to, const ChunkCopy& copy) {
  const ChunkCopy::Root& root = roots_.at(copy.id()).root;
  Root message{.term = term_,
               .epoch = map_.epoch,
               .step = copy.applied() + 1,
               .chunk = copy.id(),
               .weight = root.weight,
               .loss = root.loss,
               .data = copy.LendRoot()};
  if (gated()) message.before = copy.ledger();
  counters_["bytes_replicated"] += message.data.size();
  output_.SendToFollower(to, std::move(message));
}

void Shard::SendChunkState(const FollowerId& to, const ChunkCopy& copy) {
  ChunkState state = copy.Describe();
  state.term = term_;
  state.epoch = map_.epoch;
  state.entries = entries_.Of(copy.id());
  size_t bytes = 0;
  for (const Entry& entry : state.entries) bytes += EntryLog::BytesOf(entry);
  if (bytes > kMostEntryBytes) {
    states_wait_ = true;
    return;
  }
  ++counters_["chunk_states_sent"];
  output_.SendToFollower(to, std::move(state));
}

std::optional<Wait> Shard::WaitForHeld() const {
  for (const auto& [id, copy] : copies_) {
    const auto root = roots_.find(id);
    if (root == roots_.end() || root->second.committed || !root->second.waits_since.has_value()) continue;
    if (now_ - *root->second.waits_since < kHeldPatience) continue;
    Wait wait{.what = "held", .since = absl::ToDoubleSeconds(*root->second.waits_since - absl::UnixEpoch())};
    for (const FollowerId& follower : followers_.Missing(id)) wait.parties.push_back(follower.server.value());
    wait.detail = absl::StrCat("root of step ", copy->applied() + 1, ", chunk ", id.value(),
                               ", is not held by every backup");
    return wait;
  }
  return std::nullopt;
}

// ---- A backup.

void Shard::OnToBackup(StreamId stream, const ToBackup& message) {
  if (const auto* greeting = std::get_if<Greeting>(&message)) {
    leaders_[stream] = *greeting;
    if (ready_) TellAllHeld(stream);
  } else if (const auto* root = std::get_if<Root>(&message)) {
    OnRoot(stream, *root);
  } else {
    OnChunkState(stream, std::get<ChunkState>(message));
  }
}

bool Shard::Leads(StreamId stream, ChunkId chunk) const {
  const auto leader = leaders_.find(stream);
  if (leader == leaders_.end()) return false;
  const ChunkMap::Server& primary = map_.PrimaryOf(chunk);
  return primary.id == leader->second.server && primary.incarnation == leader->second.incarnation;
}

void Shard::TellAllHeld(StreamId stream) {
  std::vector<ChunkId> chunks;
  for (const auto& [id, copy] : backups_) {
    if (Leads(stream, id)) chunks.push_back(id);
  }
  if (!chunks.empty()) TellHeld(stream, chunks);
}

// Rule R10: only what is held, and only to the primary of this epoch.
void Shard::TellHeld(StreamId stream, const std::vector<ChunkId>& chunks) {
  Held held{.term = term_, .epoch = map_.epoch};
  for (const ChunkId id : chunks) {
    const ChunkCopy& copy = *backups_.at(id);
    Held::Chunk& chunk = held.chunks.emplace_back(Held::Chunk{.chunk = id});
    if (copy.empty()) continue;
    chunk.applied = copy.applied();
    const auto root = roots_.find(id);
    if (root != roots_.end()) chunk.root_epoch = root->second.epoch;
  }
  output_.SendHeld(stream, std::move(held));
}

// Rule R10: term, epoch and sender must be those of this shard's map.
ChunkCopy* Shard::FindBackup(StreamId stream, Term term, Epoch epoch, ChunkId chunk) {
  if (!ready_ || !failure_.empty() || term != term_ || epoch != map_.epoch) return nullptr;
  const auto found = backups_.find(chunk);
  return found == backups_.end() || !Leads(stream, chunk) ? nullptr : found->second.get();
}

void Shard::OnRoot(StreamId stream, const Root& root) {
  ChunkCopy* const copy = FindBackup(stream, root.term, root.epoch, root.chunk);
  if (copy == nullptr || copy->empty()) return;
  if (copy->frozen() || root.data.size() != copy->elements() * sizeof(float)) {
    return CloseBroken(stream, absl::InvalidArgumentError(absl::StrCat(
                                   "root of chunk ", root.chunk.value(), " has ", root.data.size(), " bytes, expected ",
                                   copy->elements() * sizeof(float))));
  }
  const bool gate = gated() && !copy->evaluation();
  // Its primary has applied the root that is held here: that one was committed, and its ledger is fixed.
  const auto held = roots_.find(root.chunk);
  if (held != roots_.end() && root.step == Next(*copy, copy->applied()) + 1) {
    const ChunkCopy::Root& before = held->second.root;
    if (gate && !root.before.has_value()) return;
    if (!Update(*copy, gate ? *root.before
                            : Ledger{.step = copy->applied() + 1, .weight = before.weight, .loss = before.loss})) {
      return;
    }
  }
  // One that was applied meanwhile, by this server's ledger, is answered too: its primary waits for that.
  if (root.step == copy->applied() + 1) roots_[root.chunk] = {.root = copy->Store(root, gate), .epoch = map_.epoch};
  TellHeld(stream, {root.chunk});
}

// Where a copy stands after its next step.
Step Shard::Next(const ChunkCopy& copy, Step applied) const {
  return copy.evaluation() ? EvaluationStandsAt(applied + 1) : applied + 1;
}

void Shard::OnChunkState(StreamId stream, const ChunkState& state) {
  ChunkCopy* const copy = FindBackup(stream, state.term, state.epoch, state.chunk);
  if (copy == nullptr) return;
  roots_.erase(state.chunk);
  if (const absl::Status status = copy->Load(state); !status.ok()) return CloseBroken(stream, status);
  entries_.AddMissing(state.entries);
  TellHeld(stream, {state.chunk});
}

void Shard::CloseBroken(StreamId stream, const absl::Status& why) {
  leaders_.erase(stream);
  output_.Close(stream, why);
}

}  // namespace banyan::server
