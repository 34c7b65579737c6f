#include "tests/simulator/shrink.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace banyan::simulator {
namespace {

std::vector<Fault> Numbered(uint32_t count) {
  std::vector<Fault> faults;
  for (uint32_t i = 0; i < count; ++i) faults.push_back({.which = i});
  return faults;
}

bool Has(const std::vector<Fault>& faults, uint32_t number) {
  return std::ranges::any_of(faults, [&](const Fault& fault) { return fault.which == number; });
}

TEST(ShrinkTest, KeepsWhatTheFailureNeeds) {
  const std::vector<Fault> left =
      Shrink(Numbered(20), [](const std::vector<Fault>& faults) { return Has(faults, 3) && Has(faults, 17); });

  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].which, 3u);
  EXPECT_EQ(left[1].which, 17u);
}

TEST(ShrinkTest, LeavesNothingWhereNoFaultIsNeeded) {
  EXPECT_TRUE(Shrink(Numbered(7), [](const std::vector<Fault>&) { return true; }).empty());
}

}  // namespace
}  // namespace banyan::simulator
