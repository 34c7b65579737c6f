#include "coordinator/placement/placement.h"

#include <algorithm>
#include <numeric>

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

std::vector<ServerId> Servers(uint64_t count) {
  std::vector<ServerId> servers;
  for (uint64_t id = 1; id <= count; ++id) servers.emplace_back(id);
  return servers;
}

std::vector<uint64_t> Loads(std::span<const uint64_t> chunks, std::span<const uint32_t> owners, size_t servers) {
  std::vector<uint64_t> loads(servers, 0);
  for (size_t i = 0; i < chunks.size(); ++i) loads[owners[i]] += chunks[i];
  return loads;
}

TEST(PlaceChunksTest, NoServerIsOverTheMeanByMoreThanFivePercentOrOneChunk) {
  for (const size_t count : {1, 7, 100, 1000}) {
    for (uint64_t servers = 1; servers <= 9; ++servers) {
      std::vector<uint64_t> chunks(count, 1 << 20);
      for (size_t i = 0; i < count; i += 3) chunks[i] = 4096 * (i % 17 + 1);
      const std::vector<uint64_t> loads = Loads(chunks, PlaceChunks(chunks, Servers(servers)), servers);
      const uint64_t mean = std::accumulate(chunks.begin(), chunks.end(), uint64_t{0}) / servers;
      EXPECT_LE(*std::max_element(loads.begin(), loads.end()), mean + std::max<uint64_t>(mean / 20, 1 << 20));
    }
  }
}

TEST(PlaceChunksTest, OneServerMoreMovesLittleMoreThanItsShare) {
  const std::vector<uint64_t> chunks(1000, 1 << 20);
  const std::vector<uint32_t> before = PlaceChunks(chunks, Servers(9));
  const std::vector<uint32_t> after = PlaceChunks(chunks, Servers(10));
  int moved = 0;
  for (size_t i = 0; i < chunks.size(); ++i) moved += before[i] != after[i];
  EXPECT_GE(moved, 70);
  EXPECT_LE(moved, 200);
}

TEST(PlaceChunksTest, TheOrderOfTheServersDoesNotMatter) {
  const std::vector<uint64_t> chunks(100, 1 << 20);
  std::vector<ServerId> servers = Servers(5);
  const std::vector<uint32_t> owners = PlaceChunks(chunks, servers);
  std::vector<ServerId> reversed(servers.rbegin(), servers.rend());
  const std::vector<uint32_t> reversed_owners = PlaceChunks(chunks, reversed);
  for (size_t i = 0; i < chunks.size(); ++i) EXPECT_EQ(servers[owners[i]], reversed[reversed_owners[i]]);
}

}  // namespace
}  // namespace banyan::coordinator
