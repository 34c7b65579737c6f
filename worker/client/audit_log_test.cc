#include "worker/client/audit_log.h"

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

TEST(AuditLogTest, TellsEachOnceOnAStreamAndAgainOnTheNext) {
  AuditLog log;
  EXPECT_TRUE(log.Take(/*first=*/true).empty());
  log.Add({.step = 1});
  log.Add({.step = 2});
  EXPECT_EQ(log.Take(/*first=*/false).size(), 2u);
  log.Add({.step = 3});
  const std::vector<LeafAudit> next = log.Take(/*first=*/false);
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].step, 3);
  EXPECT_EQ(log.Take(/*first=*/true).size(), 3u);
  EXPECT_TRUE(log.Take(/*first=*/false).empty());
}

TEST(AuditLogTest, ForgetsTheOldest) {
  AuditLog log;
  for (Step step = 1; step <= 2 * AuditLog::kMost; ++step) log.Add({.step = step});
  const std::vector<LeafAudit> audits = log.Take(/*first=*/false);
  ASSERT_EQ(audits.size(), AuditLog::kMost);
  EXPECT_EQ(audits.front().step, AuditLog::kMost + 1);
}

}  // namespace
}  // namespace banyan::worker
