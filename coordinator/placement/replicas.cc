#include "coordinator/placement/replicas.h"

#include <algorithm>
#include <vector>

#include "common/base/check.h"

namespace banyan::coordinator {
namespace {

bool Contains(const std::vector<uint32_t>& indexes, uint32_t index) {
  return std::ranges::find(indexes, index) != indexes.end();
}

}  // namespace

bool NameBackups(std::span<const uint64_t> chunk_bytes, uint32_t replicas, uint64_t most_bytes,
                 const std::set<ServerId>& leaving, ChunkMap& map) {
  CHECK_EQ(chunk_bytes.size(), map.owners.size());
  const auto stays = [&](uint32_t index) { return !leaving.contains(map.servers[index].id); };
  std::vector<uint64_t> load(map.servers.size(), 0);
  for (size_t chunk = 0; chunk < map.owners.size(); ++chunk) {
    load[map.owners[chunk].primary] += chunk_bytes[chunk];
    for (const uint32_t backup : map.owners[chunk].backups) load[backup] += chunk_bytes[chunk];
  }
  uint64_t named_bytes = 0;
  bool named = false;
  for (size_t chunk = 0; chunk < map.owners.size(); ++chunk) {
    ChunkMap::Owner& owner = map.owners[chunk];
    while (std::ranges::count_if(owner.backups, stays) + (stays(owner.primary) ? 1 : 0) < 1 + int64_t{replicas}) {
      std::optional<uint32_t> best;
      for (uint32_t i = 0; i < load.size(); ++i) {
        if (!stays(i) || i == owner.primary || Contains(owner.backups, i)) continue;
        if (!best.has_value() || load[i] < load[*best]) best = i;
      }
      if (!best.has_value()) break;
      if (named && named_bytes + chunk_bytes[chunk] > most_bytes) return true;
      owner.backups.push_back(*best);
      load[*best] += chunk_bytes[chunk];
      named_bytes += chunk_bytes[chunk];
      named = true;
    }
  }
  return named;
}

std::optional<ChunkMap> WithoutServer(const ChunkMap& map, ServerId server) {
  const auto gone = std::ranges::find_if(map.servers, [server](const auto& known) { return known.id == server; });
  if (gone == map.servers.end()) return map;
  const auto lost = static_cast<uint32_t>(gone - map.servers.begin());
  ChunkMap rest = map;
  rest.servers.erase(rest.servers.begin() + lost);
  for (ChunkMap::Owner& owner : rest.owners) {
    std::erase(owner.backups, lost);
    std::erase(owner.in_sync, lost);
    if (owner.primary == lost) {
      if (owner.in_sync.empty()) return std::nullopt;
      owner.primary = owner.in_sync.front();
      std::erase(owner.backups, owner.primary);
      std::erase(owner.in_sync, owner.primary);
    }
    const auto renumber = [lost](uint32_t& index) { index -= index > lost ? 1 : 0; };
    renumber(owner.primary);
    std::ranges::for_each(owner.backups, renumber);
    std::ranges::for_each(owner.in_sync, renumber);
  }
  return rest;
}

bool AllInSync(const ChunkMap& map) {
  return std::ranges::all_of(map.owners, [](const ChunkMap::Owner& owner) {
    return owner.in_sync.size() == owner.backups.size();
  });
}

}  // namespace banyan::coordinator
