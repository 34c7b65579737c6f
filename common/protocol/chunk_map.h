#ifndef BANYAN_COMMON_PROTOCOL_CHUNK_MAP_H_
#define BANYAN_COMMON_PROTOCOL_CHUNK_MAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol/ids.h"

namespace banyan {

// Who holds which chunk. Made by the coordinator; `epoch` grows with every change.
struct ChunkMap {
  struct Server {
    ServerId id;
    Incarnation incarnation;
    std::string endpoint;  // host:port
    uint32_t shards = 1;

    friend bool operator==(const Server&, const Server&) = default;
  };
  // Indexes into `servers`.
  struct Owner {
    uint32_t primary = 0;
    std::vector<uint32_t> backups;
    std::vector<uint32_t> in_sync;

    friend bool operator==(const Owner&, const Owner&) = default;
  };

  Epoch epoch = 0;
  std::vector<Server> servers;
  std::vector<Owner> owners;  // by chunk id, the evaluation chunk last

  const Server& PrimaryOf(ChunkId chunk) const { return servers[owners[chunk.value()].primary]; }

  // The executor of its server that owns `chunk`.
  uint32_t ShardOf(ChunkId chunk) const { return chunk.value() % PrimaryOf(chunk).shards; }

  friend bool operator==(const ChunkMap&, const ChunkMap&) = default;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_PROTOCOL_CHUNK_MAP_H_
