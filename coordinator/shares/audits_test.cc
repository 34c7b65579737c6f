#include "coordinator/shares/audits.h"

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

TEST(AuditsTest, TheSameIsNoDifference) {
  Audits audits;
  const LeafAudit audit = {.term = 1, .step = 3, .leaf = 2, .fingerprints = {1, 2, 3}};
  EXPECT_FALSE(audits.Take("a", audit).has_value());
  EXPECT_EQ(audits.compared(), 0);
  EXPECT_FALSE(audits.Take("b", audit).has_value());
  EXPECT_FALSE(audits.Take("c", audit).has_value());
  EXPECT_EQ(audits.compared(), 2);
  EXPECT_FALSE(audits.Take("a", audit).has_value());
  EXPECT_EQ(audits.compared(), 2) << "told again";
}

TEST(AuditsTest, ADifferenceNamesBothAndThePlace) {
  Audits audits;
  audits.Take("a", {.step = 3, .leaf = 2, .fingerprints = {1, 2, 3}});
  audits.Take("b", {.step = 3, .leaf = 1, .fingerprints = {1, 7, 3}});
  audits.Take("b", {.step = 2, .leaf = 2, .fingerprints = {1, 7, 3}});
  const auto difference = audits.Take("b", {.step = 3, .leaf = 2, .fingerprints = {1, 7, 4}});
  ASSERT_TRUE(difference.has_value());
  EXPECT_EQ(difference->first, "a");
  EXPECT_EQ(difference->second, "b");
  EXPECT_EQ(difference->fingerprint, 1);
  EXPECT_TRUE(audits.Take("b", {.step = 3, .leaf = 2, .fingerprints = {1}}).has_value());
}

TEST(AuditsTest, HoldsNoMoreThanItMay) {
  Audits audits;
  for (Step step = 1; step <= 2 * Audits::kMost; ++step) audits.Take("a", {.step = step, .fingerprints = {step}});
  EXPECT_FALSE(audits.Take("b", {.step = 1, .fingerprints = {9}}).has_value()) << "forgotten";
  EXPECT_TRUE(audits.Take("b", {.step = 2 * Audits::kMost, .fingerprints = {9}}).has_value());
}

}  // namespace
}  // namespace banyan::coordinator
