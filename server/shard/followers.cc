#include "server/shard/followers.h"

#include <algorithm>

namespace banyan::server {

void Followers::Adopt(const ChunkMap& map, const std::vector<ChunkId>& chunks) {
  epoch_ = map.epoch;
  followers_.clear();
  links_.clear();
  for (const ChunkId chunk : chunks) {
    for (const uint32_t index : map.owners[chunk.value()].backups) {
      const ChunkMap::Server& server = map.servers[index];
      const FollowerId id{server.id, server.incarnation, chunk.value() % server.shards};
      followers_[chunk].push_back({.id = id});
      const Link link{.id = id, .endpoint = server.endpoint};
      if (std::ranges::find(links_, link) == links_.end()) links_.push_back(link);
    }
  }
}

void Followers::Forget(const FollowerId& id) {
  for (auto& [chunk, followers] : followers_) {
    for (Follower& follower : followers) {
      if (follower.id == id) follower = {.id = id, .in_sync = follower.in_sync, .told = follower.told};
    }
  }
}

Followers::Need Followers::OnHeld(const FollowerId& id, const Held::Chunk& held, const Primary& primary) {
  const auto found = followers_.find(held.chunk);
  if (found == followers_.end()) return Need::kNothing;
  const auto follower =
      std::ranges::find_if(found->second, [&id](const Follower& candidate) { return candidate.id == id; });
  if (follower == found->second.end()) return Need::kNothing;
  // Backups apply only what was committed: one that is ahead has applied the very root that is whole here.
  const bool ahead = held.applied.has_value() && *held.applied > primary.applied;
  if (!follower->based) {
    if (!ahead && held.applied != primary.applied && !(held.root_epoch != 0 && primary.reached)) {
      if (follower->state_sent == primary.applied) return Need::kNothing;
      follower->state_sent = primary.applied;
      return Need::kState;
    }
    follower->based = true;
    follower->root_sent = primary.whole;
    follower->root_held = primary.whole && ahead;
    if (!primary.whole || ahead) follower->in_sync = true;
    return primary.whole && !ahead ? Need::kRoot : Need::kNothing;
  }
  const bool holds = ahead || (held.applied == primary.applied && held.root_epoch == epoch_);
  if (follower->root_sent && holds) follower->root_held = follower->in_sync = true;
  return Need::kNothing;
}

std::vector<FollowerId> Followers::SendRoot(ChunkId chunk) {
  std::vector<FollowerId> to;
  const auto found = followers_.find(chunk);
  if (found == followers_.end()) return to;
  for (Follower& follower : found->second) {
    if (!follower.based || follower.root_sent) continue;
    follower.root_sent = true;
    to.push_back(follower.id);
  }
  return to;
}

bool Followers::AllHoldRoot(ChunkId chunk) const { return Missing(chunk).empty(); }

std::vector<FollowerId> Followers::Missing(ChunkId chunk) const {
  std::vector<FollowerId> missing;
  const auto found = followers_.find(chunk);
  if (found == followers_.end()) return missing;
  for (const Follower& follower : found->second) {
    if (!follower.root_held) missing.push_back(follower.id);
  }
  return missing;
}

void Followers::Applied(ChunkId chunk) {
  const auto found = followers_.find(chunk);
  if (found == followers_.end()) return;
  for (Follower& follower : found->second) {
    // A root that was committed at an epoch before is applied without waiting: then its answer is still to come.
    follower.based = follower.root_held;
    follower.root_sent = follower.root_held = false;
  }
}

std::vector<InSync> Followers::TakeInSync() {
  std::vector<InSync> news;
  for (auto& [chunk, followers] : followers_) {
    for (Follower& follower : followers) {
      if (!follower.in_sync || follower.told) continue;
      follower.told = true;
      news.push_back({.epoch = epoch_,
                      .chunk = chunk,
                      .backup = follower.id.server,
                      .incarnation = follower.id.incarnation});
    }
  }
  return news;
}

void Followers::OnSession() {
  for (auto& [chunk, followers] : followers_) {
    for (Follower& follower : followers) follower.told = false;
  }
}

}  // namespace banyan::server
