#include "coordinator/placement/balance.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "coordinator/placement/placement.h"
#include "coordinator/placement/replicas.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

class BalanceTest : public testing::Test {
 protected:
  // A map as a term begins with: `chunks` of 100 bytes and the evaluation chunk.
  void Begin(uint32_t servers, uint32_t chunks, uint32_t replicas) {
    replicas_ = replicas;
    bytes_.assign(chunks, 100);
    bytes_.push_back(0);
    std::vector<ServerId> ids;
    for (uint32_t i = 0; i < servers; ++i) {
      map_.servers.push_back({.id = ServerId(10 + i), .incarnation = Incarnation(i)});
      ids.emplace_back(10 + i);
    }
    for (const uint32_t primary : PlaceChunks(bytes_, ids)) map_.owners.push_back({.primary = primary});
    NameBackups(bytes_, replicas, UINT64_MAX, {}, map_);
    BackupsAreInSync();
  }
  void Join(uint64_t id) { map_.servers.push_back({.id = ServerId(id), .incarnation = Incarnation(id)}); }
  void BackupsAreInSync() {
    for (ChunkMap::Owner& owner : map_.owners) owner.in_sync = owner.backups;
  }
  BalanceRules Rules() const {
    return {.chunk_bytes = bytes_, .replicas = replicas_, .most_bytes = most_bytes_, .leaving = leaving_};
  }

  // What the coordinator does whenever all copies are in sync. Returns how many maps that took.
  int Settle() {
    for (int maps = 0; maps < 1000; ++maps) {
      const ChunkMap before = map_;
      const bool changed = DropSurplus(Rules(), map_) || NameBackups(bytes_, replicas_, most_bytes_, leaving_, map_) ||
                           MoveTowardsBalance(Rules(), map_);
      EXPECT_EQ(changed, map_ != before);
      if (!changed) return maps;
      ExpectSound(before);
      BackupsAreInSync();
    }
    ADD_FAILURE() << "it never ends";
    return 0;
  }
  // Who is the primary now had a copy before: nobody is given what it does not hold.
  void ExpectSound(const ChunkMap& before) const {
    for (size_t chunk = 0; chunk < map_.owners.size(); ++chunk) {
      const ChunkMap::Owner& was = before.owners[chunk];
      const ChunkMap::Owner& is = map_.owners[chunk];
      EXPECT_TRUE(is.primary == was.primary || std::ranges::count(was.in_sync, is.primary) == 1);
      for (const uint32_t backup : is.in_sync) EXPECT_EQ(std::ranges::count(is.backups, backup), 1);
      EXPECT_EQ(std::ranges::count(is.backups, is.primary), 0);
      EXPECT_GE(is.backups.size(), std::min<size_t>(replicas_, was.backups.size()));
    }
  }
  std::vector<uint64_t> Primaries() const {
    std::vector<uint64_t> load(map_.servers.size(), 0);
    for (size_t chunk = 0; chunk < map_.owners.size(); ++chunk) load[map_.owners[chunk].primary] += bytes_[chunk];
    return load;
  }
  std::vector<uint64_t> Copies() const {
    std::vector<uint64_t> load = Primaries();
    for (size_t chunk = 0; chunk < map_.owners.size(); ++chunk) {
      for (const uint32_t backup : map_.owners[chunk].backups) load[backup] += bytes_[chunk];
    }
    return load;
  }
  static uint64_t Spread(const std::vector<uint64_t>& loads) {
    return *std::ranges::max_element(loads) - *std::ranges::min_element(loads);
  }

  ChunkMap map_;
  std::vector<uint64_t> bytes_;
  uint32_t replicas_ = 0;
  uint64_t most_bytes_ = 500;
  std::set<ServerId> leaving_;
};

TEST_F(BalanceTest, WhatATermBeginsWithStays) {
  for (const uint32_t replicas : {0, 1, 2}) {
    for (const uint32_t servers : {1, 2, 3, 5}) {
      map_ = ChunkMap();
      Begin(servers, 40, replicas);
      EXPECT_EQ(Settle(), 0) << servers << " servers, " << replicas << " replicas";
    }
  }
}

TEST_F(BalanceTest, AServerThatJoinsGetsItsShareBatchByBatch) {
  Begin(2, 30, 0);
  Join(90);
  const int maps = Settle();
  EXPECT_GE(Primaries()[2], 800u);
  EXPECT_LE(Spread(Primaries()), 300u);
  for (const ChunkMap::Owner& owner : map_.owners) EXPECT_TRUE(owner.backups.empty());
  EXPECT_GE(maps, 4) << "of at most five chunks";
}

TEST_F(BalanceTest, WithReplicasItGetsPrimariesAndBackups) {
  Begin(3, 30, 1);
  Join(90);
  Settle();
  EXPECT_GE(Primaries()[3], 500u);
  EXPECT_LE(Spread(Primaries()), 300u);
  EXPECT_LE(Spread(Copies()), 300u);
  for (const ChunkMap::Owner& owner : map_.owners) EXPECT_EQ(owner.backups.size(), 1u);
}

TEST_F(BalanceTest, AServerThatComesBackGetsItsPrimariesAgain) {
  Begin(3, 30, 1);
  const std::vector<uint64_t> before = Primaries();
  map_ = *WithoutServer(map_, ServerId(11));
  EXPECT_EQ(map_.servers.size(), 2u);
  Join(11);
  Settle();
  EXPECT_LE(Spread(Primaries()), Spread(before) + 100);
  EXPECT_LE(Spread(Copies()), 300u);
}

TEST_F(BalanceTest, WhoLeavesGetsNothing) {
  Begin(3, 30, 0);
  Join(90);
  leaving_ = {ServerId(90)};
  EXPECT_EQ(Settle(), 0);
  leaving_ = {ServerId(10)};
  Settle();
  const std::optional<ChunkMap> rest = WithoutServer(map_, ServerId(10));
  ASSERT_TRUE(rest.has_value()) << "all its chunks have another copy";
  map_ = *rest;
  leaving_.clear();
  Settle();
  EXPECT_LE(Spread(Primaries()), 300u);
}

TEST_F(BalanceTest, ItAlwaysEnds) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    map_ = ChunkMap();
    Begin(1 + random() % 4, 1 + random() % 20, random() % 3);
    for (uint64_t& bytes : bytes_) bytes = (1 + random() % 8) * 50;
    bytes_.back() = 0;
    for (int change = 0; change < 4; ++change) {
      if (random() % 2 == 0) Join(50 + 10 * round + change);
      if (random() % 3 == 0) {
        const std::optional<ChunkMap> rest = WithoutServer(map_, map_.servers[random() % map_.servers.size()].id);
        if (rest.has_value() && !rest->servers.empty()) map_ = *rest;
      }
      Settle();
    }
  }
}

}  // namespace
}  // namespace banyan::coordinator
