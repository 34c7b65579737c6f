#include "coordinator/placement/placement.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "common/base/check.h"
#include "common/digest/xxh3.h"

namespace banyan::coordinator {
namespace {

uint64_t Score(uint32_t chunk, ServerId server) {
  const std::array<uint64_t, 2> key = {chunk, server.value()};
  return Xxh3(std::as_bytes(std::span(key)));
}

}  // namespace

std::vector<uint32_t> PlaceChunks(std::span<const uint64_t> chunk_bytes, std::span<const ServerId> servers) {
  CHECK(!servers.empty());
  const uint64_t total = std::accumulate(chunk_bytes.begin(), chunk_bytes.end(), uint64_t{0});
  const uint64_t largest = chunk_bytes.empty() ? 0 : *std::max_element(chunk_bytes.begin(), chunk_bytes.end());
  const uint64_t mean = total / servers.size();
  const uint64_t bound = mean + std::max(mean / 20, largest);
  std::vector<uint64_t> load(servers.size(), 0);
  std::vector<uint32_t> owners;
  owners.reserve(chunk_bytes.size());
  for (uint32_t chunk = 0; chunk < chunk_bytes.size(); ++chunk) {
    uint32_t best = 0;
    bool found = false;
    uint64_t best_score = 0;
    for (uint32_t i = 0; i < servers.size(); ++i) {
      if (load[i] + chunk_bytes[chunk] > bound) continue;
      const uint64_t score = Score(chunk, servers[i]);
      if (found && score <= best_score) continue;
      best = i;
      best_score = score;
      found = true;
    }
    // The least loaded server is at most at the mean, so it always has room for one more chunk.
    CHECK(found);
    load[best] += chunk_bytes[chunk];
    owners.push_back(best);
  }
  return owners;
}

}  // namespace banyan::coordinator
