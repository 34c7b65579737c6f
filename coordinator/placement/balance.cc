#include "coordinator/placement/balance.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "common/base/check.h"
#include "coordinator/placement/placement.h"

namespace banyan::coordinator {
namespace {

using Owner = ChunkMap::Owner;

// A map and what its servers carry.
class Placing {
 public:
  Placing(const BalanceRules& rules, ChunkMap& map) : rules_(rules), map_(map) {
    CHECK_EQ(rules.chunk_bytes.size(), map.owners.size());
    for (uint32_t i = 0; i < map.servers.size(); ++i) {
      if (!rules.leaving.contains(map.servers[i].id)) staying_.push_back(i);
    }
    std::vector<ServerId> ids;
    for (const uint32_t index : staying_) ids.push_back(map.servers[index].id);
    if (!ids.empty()) {
      for (const uint32_t place : PlaceChunks(rules.chunk_bytes, ids)) wanted_.push_back(staying_[place]);
    }
    copies_.assign(map.servers.size(), 0);
    for (size_t chunk = 0; chunk < map.owners.size(); ++chunk) {
      copies_[map.owners[chunk].primary] += bytes(chunk);
      for (const uint32_t backup : map.owners[chunk].backups) copies_[backup] += bytes(chunk);
    }
  }

  uint64_t bytes(size_t chunk) const { return rules_.chunk_bytes[chunk]; }
  uint32_t wanted(size_t chunk) const { return wanted_[chunk]; }
  const std::vector<uint32_t>& staying() const { return staying_; }
  bool stays(uint32_t index) const { return std::ranges::find(staying_, index) != staying_.end(); }
  uint64_t copies(uint32_t index) const { return copies_[index]; }

  static bool Holds(const Owner& owner, uint32_t index) {
    return owner.primary == index || std::ranges::find(owner.backups, index) != owner.backups.end();
  }

  // Whether the primaries that are wanted are more even than those there are, by the largest chunk or more.
  bool PrimariesAreUneven() const {
    std::vector<uint64_t> now(map_.servers.size(), 0);
    std::vector<uint64_t> then = now;
    for (size_t chunk = 0; chunk < map_.owners.size(); ++chunk) {
      now[map_.owners[chunk].primary] += bytes(chunk);
      then[wanted_[chunk]] += bytes(chunk);
    }
    const uint64_t largest = *std::ranges::max_element(rules_.chunk_bytes);
    return largest > 0 && Spread(now) >= Spread(then) + largest;
  }

  // In sync: it has been the primary's equal all the while, and they change parts.
  void Promote(Owner& owner, uint32_t index) {
    for (std::vector<uint32_t>* list : {&owner.backups, &owner.in_sync}) {
      std::ranges::replace(*list, index, owner.primary);
      std::ranges::sort(*list);
    }
    owner.primary = index;
  }

  void AddBackup(size_t chunk, uint32_t index) {
    map_.owners[chunk].backups.push_back(index);
    copies_[index] += bytes(chunk);
  }

  void DropBackup(size_t chunk, uint32_t index) {
    std::erase(map_.owners[chunk].backups, index);
    std::erase(map_.owners[chunk].in_sync, index);
    copies_[index] -= bytes(chunk);
  }

 private:
  uint64_t Spread(const std::vector<uint64_t>& loads) const {
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (const uint32_t index : staying_) {
      least = std::min(least, loads[index]);
      most = std::max(most, loads[index]);
    }
    return most - least;
  }

  const BalanceRules& rules_;
  ChunkMap& map_;
  std::vector<uint32_t> staying_;
  std::vector<uint32_t> wanted_;  // by chunk
  std::vector<uint64_t> copies_;  // bytes, by server
};

bool MovePrimaries(const BalanceRules& rules, Placing& placing, ChunkMap& map) {
  if (!placing.PrimariesAreUneven()) return false;
  bool changed = false;
  uint64_t named = 0;
  for (size_t chunk = 0; chunk < map.owners.size(); ++chunk) {
    Owner& owner = map.owners[chunk];
    const uint32_t wanted = placing.wanted(chunk);
    if (owner.primary == wanted) continue;
    if (Placing::Holds(owner, wanted)) {
      placing.Promote(owner, wanted);
      changed = true;
    } else if (named == 0 || named + placing.bytes(chunk) <= rules.most_bytes) {
      placing.AddBackup(chunk, wanted);
      named += placing.bytes(chunk);
      changed = true;
    }
  }
  return changed;
}

// Of the server with the most to the one with the least, as long as that stays the one with less. Naming backups one
// after the other leaves the servers a little uneven from the start, which is not worth the way.
bool MoveBackups(const BalanceRules& rules, Placing& placing, ChunkMap& map) {
  if (rules.replicas == 0) return false;
  const auto less = [&](uint32_t a, uint32_t b) { return placing.copies(a) < placing.copies(b); };
  const auto [least, most] = std::ranges::minmax_element(placing.staying(), less);
  const uint64_t gap = placing.copies(*most) - placing.copies(*least);
  if (gap <= std::max(3 * *std::ranges::max_element(rules.chunk_bytes), placing.copies(*most) / 5)) return false;
  uint64_t moved = 0;
  for (size_t chunk = 0; chunk < map.owners.size(); ++chunk) {
    const Owner& owner = map.owners[chunk];
    const uint64_t bytes = placing.bytes(chunk);
    if (bytes == 0 || Placing::Holds(owner, *least) || owner.primary == *most || !Placing::Holds(owner, *most)) continue;
    if (2 * (moved + bytes) > gap || (moved > 0 && moved + bytes > rules.most_bytes)) continue;
    placing.AddBackup(chunk, *least);
    moved += bytes;
  }
  return moved > 0;
}

}  // namespace

bool MoveTowardsBalance(const BalanceRules& rules, ChunkMap& map) {
  Placing placing(rules, map);
  if (placing.staying().size() < 2) return false;
  return MovePrimaries(rules, placing, map) || MoveBackups(rules, placing, map);
}

bool DropSurplus(const BalanceRules& rules, ChunkMap& map) {
  Placing placing(rules, map);
  bool dropped = false;
  for (size_t chunk = 0; chunk < map.owners.size() && !placing.staying().empty(); ++chunk) {
    Owner& owner = map.owners[chunk];
    if (owner.in_sync.size() != owner.backups.size()) continue;
    const auto surplus = [&] {
      const auto staying = std::ranges::count_if(owner.backups, [&](uint32_t index) { return placing.stays(index); });
      return staying + (placing.stays(owner.primary) ? 1 : 0) > 1 + int64_t{rules.replicas};
    };
    while (surplus()) {
      if (Placing::Holds(owner, placing.wanted(chunk)) && owner.primary != placing.wanted(chunk)) {
        placing.Promote(owner, placing.wanted(chunk));
      }
      std::optional<uint32_t> most;
      for (const uint32_t backup : owner.backups) {
        if (!placing.stays(backup)) continue;
        if (!most.has_value() || placing.copies(backup) > placing.copies(*most)) most = backup;
      }
      // Where the primary leaves, a backup goes on when it has left.
      if (!most.has_value()) break;
      placing.DropBackup(chunk, *most);
      dropped = true;
    }
  }
  return dropped;
}

}  // namespace banyan::coordinator
