#include "coordinator/placement/replicas.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

ChunkMap MapOf(uint32_t servers, uint32_t chunks) {
  ChunkMap map{.epoch = 4};
  for (uint32_t i = 0; i < servers; ++i) map.servers.push_back({.id = ServerId(10 + i), .incarnation = Incarnation(i)});
  for (uint32_t i = 0; i < chunks; ++i) map.owners.push_back({.primary = i % servers});
  return map;
}

TEST(ReplicasTest, BackupsAreElsewhereAndSpread) {
  ChunkMap map = MapOf(3, 9);
  const std::vector<uint64_t> bytes(9, 100);

  ASSERT_TRUE(NameBackups(bytes, 1, UINT64_MAX, {}, map));

  std::vector<int> copies(3);
  for (const ChunkMap::Owner& owner : map.owners) {
    ASSERT_EQ(owner.backups.size(), 1u);
    EXPECT_NE(owner.backups[0], owner.primary);
    ++copies[owner.backups[0]];
  }
  for (const int count : copies) EXPECT_NEAR(count, 3, 1);
  EXPECT_FALSE(NameBackups(bytes, 1, UINT64_MAX, {}, map)) << "all there";
}

TEST(ReplicasTest, AsManyAsThereAreServersAndABatchAtATime) {
  ChunkMap map = MapOf(2, 4);
  const std::vector<uint64_t> bytes = {100, 100, 100, 0};

  ASSERT_TRUE(NameBackups(bytes, 3, 150, {}, map));
  EXPECT_EQ(map.owners[0].backups, std::vector<uint32_t>({1}));
  EXPECT_TRUE(map.owners[1].backups.empty());
  ASSERT_TRUE(NameBackups(bytes, 3, 150, {}, map));
  ASSERT_TRUE(NameBackups(bytes, 3, 150, {}, map));
  EXPECT_EQ(map.owners[3].backups.size(), 1u);
  EXPECT_FALSE(NameBackups(bytes, 3, 150, {}, map));

  ChunkMap alone = MapOf(1, 1);
  EXPECT_FALSE(NameBackups(std::vector<uint64_t>{1}, 1, 1, {}, alone));
}

TEST(ReplicasTest, WhoLeavesIsReplacedFirst) {
  ChunkMap map = MapOf(3, 3);
  const std::vector<uint64_t> bytes(3, 100);

  ASSERT_TRUE(NameBackups(bytes, 0, UINT64_MAX, {ServerId(11)}, map));
  EXPECT_TRUE(map.owners[0].backups.empty());
  ASSERT_EQ(map.owners[1].backups.size(), 1u);
  EXPECT_FALSE(NameBackups(bytes, 0, UINT64_MAX, {ServerId(11)}, map));
  EXPECT_FALSE(NameBackups(bytes, 0, UINT64_MAX, {ServerId(10), ServerId(11), ServerId(12)}, map)) << "nobody is left";
}

TEST(ReplicasTest, WithoutAServerABackupInSyncIsThePrimary) {
  ChunkMap map = MapOf(3, 3);
  map.owners[0] = {.primary = 0, .backups = {1, 2}, .in_sync = {2}};
  map.owners[1] = {.primary = 1, .backups = {0}, .in_sync = {0}};
  map.owners[2] = {.primary = 2, .backups = {1}, .in_sync = {}};

  const std::optional<ChunkMap> rest = WithoutServer(map, ServerId(10));

  ASSERT_TRUE(rest.has_value());
  ASSERT_EQ(rest->servers.size(), 2u);
  EXPECT_EQ(rest->owners[0], (ChunkMap::Owner{.primary = 1, .backups = {0}}));
  EXPECT_EQ(rest->owners[1], (ChunkMap::Owner{.primary = 0}));
  EXPECT_EQ(rest->owners[2], (ChunkMap::Owner{.primary = 1, .backups = {0}}));
  EXPECT_FALSE(AllInSync(*rest));
  EXPECT_EQ(WithoutServer(map, ServerId(12)), std::nullopt) << "its backup is not in sync";
  EXPECT_EQ(WithoutServer(map, ServerId(99)), map);
}

}  // namespace
}  // namespace banyan::coordinator
