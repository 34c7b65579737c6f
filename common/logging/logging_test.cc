#include "common/logging/logging.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::log {
namespace {

TEST(LoggingTest, CollectorGetsLinesAtOrAboveTheLevel) {
  std::vector<Line> lines;
  log::SetUp({.process = "test", .level = Severity::kInfo, .collector = [&](const Line& line) { lines.push_back(line); }});
  Debug("unseen {}", 1);
  Info("step {}", 7);
  Error("lost {}", "worker-1");
  log::SetUp({.process = "test"});
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[0].text, "step 7");
  EXPECT_EQ(lines[0].severity, Severity::kInfo);
  EXPECT_EQ(lines[1].text, "lost worker-1");
  EXPECT_EQ(SeverityName(lines[1].severity), "error");
}

TEST(LoggingTest, TextIsTakenAsItStandsOnceFormatted) {
  std::vector<Line> lines;
  log::SetUp({.process = "test", .collector = [&](const Line& line) { lines.push_back(line); }});
  Warning("read {} of {:.2f} from {}", std::string("{}"), 0.5, "{0}");
  log::SetUp({.process = "test"});
  ASSERT_EQ(lines.size(), 1);
  EXPECT_EQ(lines[0].text, "read {} of 0.50 from {0}");
}

}  // namespace
}  // namespace banyan::log
