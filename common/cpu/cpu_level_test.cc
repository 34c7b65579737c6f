#include "common/cpu/cpu_level.h"

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(CpuLevelTest, NamesParseBack) {
  for (const CpuLevel level : {CpuLevel::kSse2, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    EXPECT_EQ(ParseCpuLevel(CpuLevelName(level)), level);
  }
}

TEST(CpuLevelTest, UnknownNameIsNoLevel) {
  EXPECT_EQ(ParseCpuLevel("avx"), std::nullopt);
  EXPECT_EQ(ParseCpuLevel(""), std::nullopt);
}

TEST(CpuLevelTest, SupportedLevelsRiseToTheDetectedOne) {
  const auto levels = SupportedCpuLevels();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), CpuLevel::kSse2);
  EXPECT_EQ(levels.back(), DetectCpuLevel());
  EXPECT_EQ(levels.size(), static_cast<size_t>(DetectCpuLevel()) + 1);
}

}  // namespace
}  // namespace banyan
