#ifndef BANYAN_SERVER_SHARD_FOLLOWERS_H_
#define BANYAN_SERVER_SHARD_FOLLOWERS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/protocol/chunk_map.h"
#include "common/protocol/ids.h"
#include "common/protocol/messages.h"
#include "common/protocol/session.h"

namespace banyan::server {

// One shard of one life of a server that has backups of another shard's chunks.
struct FollowerId {
  ServerId server;
  Incarnation incarnation;
  uint32_t shard = 0;

  friend auto operator<=>(const FollowerId&, const FollowerId&) = default;
};

// What a shard knows of the backups of its chunks, by what they said at the map's epoch and nothing else: rules R5 and
// R9 of docs/protocol.md. Thread-compatible.
class Followers {
 public:
  struct Link {
    FollowerId id;
    std::string endpoint;

    friend bool operator==(const Link&, const Link&) = default;
  };

  // The backups that `map` names for `chunks`; what they hold is to be heard.
  void Adopt(const ChunkMap& map, const std::vector<ChunkId>& chunks);
  // Whom the shard needs a stream to.
  const std::vector<Link>& links() const { return links_; }
  // The stream to it is another one: what was sent may be lost, what it holds is to be heard.
  void Forget(const FollowerId& id);

  // What a backup needs after it said what it holds.
  enum class Need { kNothing, kState, kRoot };
  struct Primary {
    Step applied = 0;
    bool whole = false;    // has root(applied + 1)
    bool reached = false;  // the root that the backup holds makes the primary's state of its own
  };
  Need OnHeld(const FollowerId& id, const Held::Chunk& held, const Primary& primary);

  // The chunk's root is whole: to whom it can go now. The others are sent it when they have the state before it.
  std::vector<FollowerId> SendRoot(ChunkId chunk);
  // Whether every backup holds the root. True without backups.
  bool AllHoldRoot(ChunkId chunk) const;
  // The primary went on to the next step.
  void Applied(ChunkId chunk);
  // The backups of a chunk that its root or its state is awaited from.
  std::vector<FollowerId> Missing(ChunkId chunk) const;

  // Backups that have come to be in sync, each once an epoch and session.
  std::vector<InSync> TakeInSync();
  void OnSession();

 private:
  struct Follower {
    FollowerId id;
    bool based = false;              // it has the state that the next root is for
    std::optional<Step> state_sent;  // and perhaps under way
    bool root_sent = false;          // root(applied + 1)
    bool root_held = false;
    bool in_sync = false;
    bool told = false;
  };

  Epoch epoch_ = 0;
  std::map<ChunkId, std::vector<Follower>> followers_;
  std::vector<Link> links_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_FOLLOWERS_H_
