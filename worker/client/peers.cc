#include "worker/client/peers.h"

#include <algorithm>

#include "common/base/check.h"

namespace banyan::worker {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(20);
constexpr absl::Duration kLastBackoff = absl::Seconds(2);

}  // namespace

std::vector<StreamId> Peers::Adopt(ChunkMap map) {
  std::map<PeerId, Peer> wanted;
  peer_of_.clear();
  for (uint32_t chunk = 0; chunk < map.owners.size(); ++chunk) {
    const ChunkMap::Server& server = map.PrimaryOf(ChunkId(chunk));
    const PeerId id{server.id, server.incarnation, map.ShardOf(ChunkId(chunk))};
    peer_of_.push_back(id);
    Peer& peer = wanted[id];
    if (const auto known = peers_.find(id); known != peers_.end() && known->second.endpoint == server.endpoint) {
      peer = std::move(known->second);
      peers_.erase(known);
    } else {
      peer.id = id;
      peer.endpoint = server.endpoint;
    }
  }
  std::vector<StreamId> closed;
  for (const auto& [id, peer] : peers_) {
    if (peer.stream) closed.push_back(*peer.stream);
  }
  peers_ = std::move(wanted);
  for (auto& [id, peer] : peers_) {
    peer.positions.clear();
    peer.queue.clear();
    peer.refused.clear();
    peer.has_evaluation = evaluation_ && peer_of_[evaluation_->value()] == id;
  }
  rank_.assign(positions_.size(), 0);
  for (uint32_t i = 0; i < positions_.size(); ++i) {
    Peer& peer = peers_.at(peer_of_[positions_[i].chunk.value()]);
    rank_[i] = static_cast<uint32_t>(peer.positions.size());
    peer.positions.push_back(i);
  }
  map_ = std::move(map);
  return closed;
}

std::vector<StreamId> Peers::Reset() {
  std::vector<StreamId> closed;
  for (auto& [id, peer] : peers_) {
    if (peer.stream) closed.push_back(*peer.stream);
    peer.stream.reset();
    peer.heard = false;
    peer.mark.reset();
    peer.queue.clear();
    peer.refused.clear();
    peer.writes = 0;
    peer.retry_at = absl::InfinitePast();
    peer.backoff = absl::ZeroDuration();
  }
  return closed;
}

Peers::Peer* Peers::Find(StreamId stream) {
  for (auto& [id, peer] : peers_) {
    if (peer.stream == stream) return &peer;
  }
  return nullptr;
}

Peers::Peer* Peers::Of(ChunkId chunk) { return const_cast<Peer*>(std::as_const(*this).Of(chunk)); }

const Peers::Peer* Peers::Of(ChunkId chunk) const {
  if (chunk.value() >= peer_of_.size()) return nullptr;
  return &peers_.at(peer_of_[chunk.value()]);
}

std::vector<Peers::Peer*> Peers::OpenDue(absl::Time now) {
  std::vector<Peer*> due;
  for (auto& [id, peer] : peers_) {
    if (peer.stream || peer.retry_at > now) continue;
    peer.stream = StreamId(next_stream_++);
    peer.heard = false;
    peer.writes = 0;
    due.push_back(&peer);
  }
  return due;
}

void Peers::Closed(Peer& peer, absl::Time now) {
  peer.broken = true;
  // One that never comes up waits longer each time.
  peer.backoff = peer.heard ? kFirstBackoff : std::clamp(peer.backoff * 2, kFirstBackoff, kLastBackoff);
  peer.retry_at = now + peer.backoff;
  peer.stream.reset();
  peer.heard = false;
  peer.queue.clear();
  peer.refused.clear();
  peer.writes = 0;
}

std::optional<Step> Peers::DoneThrough() const {
  if (!map_ || peers_.empty()) return std::nullopt;
  std::optional<Step> least;
  for (const auto& [id, peer] : peers_) {
    if (!peer.mark || peer.mark->epoch != map_->epoch) return std::nullopt;
    least = least ? std::min(*least, peer.mark->done) : peer.mark->done;
  }
  return least;
}

}  // namespace banyan::worker
