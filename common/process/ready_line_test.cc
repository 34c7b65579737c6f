#include "common/process/ready_line.h"

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(ReadyLineTest, ComesBackAsItWas) {
  const ReadyLine line = {.name = "server-0", .endpoint = "127.0.0.1:7000", .metrics_endpoint = ""};
  EXPECT_EQ(FormatReadyLine(line), "ready server-0 127.0.0.1:7000 -");
  EXPECT_EQ(ParseReadyLine(FormatReadyLine(line)).value(), line);
}

TEST(ReadyLineTest, RefusesOtherText) {
  for (const char* text : {"", "ready", "ready a b", "Ready a b c", "ready  b c", "ready a b c d"}) {
    EXPECT_FALSE(ParseReadyLine(text).ok()) << text;
  }
}

}  // namespace
}  // namespace banyan
