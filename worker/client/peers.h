#ifndef BANYAN_WORKER_CLIENT_PEERS_H_
#define BANYAN_WORKER_CLIENT_PEERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "worker/client/step_types.h"

namespace banyan::worker {

// A worker's streams: which shards of which servers the chunk map asks for, what each has said last, and what waits to
// be sent to it, by window position. Thread-compatible.
class Peers {
 public:
  // Stands after every window position: the evaluation chunk has none.
  static constexpr uint32_t kEvaluationRank = UINT32_MAX;
  // Messages given to a stream and not yet written. Few, for each holds its gradient set; a lower position overtakes
  // all but the one that is being written.
  static constexpr uint32_t kMaxWrites = 4;

  // done_through and window_end as said at `epoch`. The window is that of step done + 1.
  struct Mark {
    Epoch epoch = 0;
    Step done = 0;
    uint32_t window_end = 0;
  };

  struct Peer {
    PeerId id;
    std::string endpoint;
    std::vector<uint32_t> positions;  // of its chunks, in window order: its position i is the job's positions[i]
    bool has_evaluation = false;

    std::optional<StreamId> stream;
    bool heard = false;       // State has come on this stream
    Epoch state_epoch = 0;    // of the last State
    std::optional<Mark> mark;
    uint32_t writes = 0;
    std::set<std::pair<uint32_t, uint32_t>> queue;  // ready to be sent: (its position or kEvaluationRank, target)

    std::set<std::pair<uint32_t, uint32_t>> refused;  // sent, but perhaps not taken; in the queue again at `resend_at`
    absl::Time resend_at = absl::InfinitePast();

    bool broken = false;  // its last stream ended by itself
    absl::Time retry_at = absl::InfinitePast();
    absl::Duration backoff = absl::ZeroDuration();
    absl::Time last_heard = absl::InfinitePast();
  };


  explicit Peers(std::vector<Position> positions, std::optional<ChunkId> evaluation)
      : positions_(std::move(positions)), evaluation_(evaluation) {}

  // Takes a newer map: peers that it does not name are gone, their streams are returned to be closed.
  std::vector<StreamId> Adopt(ChunkMap map);
  // Another term: every stream is returned to be closed and everything said is forgotten. The map stays.
  std::vector<StreamId> Reset();

  bool has_map() const { return map_.has_value(); }
  Epoch epoch() const { return map_ ? map_->epoch : 0; }

  Peer* Find(StreamId stream);
  // The peer of a chunk's primary; null without a map.
  Peer* Of(ChunkId chunk);
  const Peer* Of(ChunkId chunk) const;
  // This peer's number of one of the job's positions.
  uint32_t RankOf(uint32_t position) const { return rank_[position]; }

  // Peers to connect to now; each has its new stream's number.
  std::vector<Peer*> OpenDue(absl::Time now);
  void Closed(Peer& peer, absl::Time now);

  // The least done_through, when every peer has said one at the map's epoch (rule R4); else nothing.
  std::optional<Step> DoneThrough() const;

  // Whether the peer speaks of the chunks that the map gives it: its State came at the map's epoch, on this stream.
  bool InTouch(const Peer& peer) const { return peer.heard && peer.state_epoch == epoch(); }

  std::map<PeerId, Peer>& all() { return peers_; }
  const std::map<PeerId, Peer>& all() const { return peers_; }

 private:
  const std::vector<Position> positions_;
  const std::optional<ChunkId> evaluation_;
  std::optional<ChunkMap> map_;
  std::map<PeerId, Peer> peers_;
  std::vector<PeerId> peer_of_;  // by chunk
  std::vector<uint32_t> rank_;   // by position
  uint64_t next_stream_ = 1;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_PEERS_H_
