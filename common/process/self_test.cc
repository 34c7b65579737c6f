#include "common/process/self.h"

#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(SelfTest, KnowsItsBuildAndHost) {
  EXPECT_EQ(BuildVersion().find("0.1.0+"), 0);
  EXPECT_GT(BuildVersion().size(), std::string("0.1.0+").size());
  EXPECT_FALSE(HostName().empty());
}

TEST(SelfTest, PeakMemoryGrowsWithUse) {
  const uint64_t before = PeakMemoryBytes();
  const std::vector<char> block(64 << 20, 1);
  EXPECT_GE(PeakMemoryBytes(), before + (block.size() / 2));
}

}  // namespace
}  // namespace banyan
