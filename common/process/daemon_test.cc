#include "common/process/daemon.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using testing::ElementsAre;

TEST(DaemonTest, HyphensInFlagsAndNotInValues) {
  EXPECT_THAT(SpellFlags({"a-daemon", "--state-dir=/a-b", "--token-file", "/c-d", "e-f", "-x-y"}),
              ElementsAre("a-daemon", "--state_dir=/a-b", "--token_file", "/c-d", "e-f", "-x-y"));
}

TEST(DaemonTest, RootMayBeGivenSeveralTimes) {
  EXPECT_THAT(SpellFlags({"server", "--root=a=/a-1", "--name=n", "--root", "b=/b,c=/c"}),
              ElementsAre("server", "--name=n", "--root=a=/a-1,b=/b,c=/c"));
  EXPECT_THAT(SpellFlags({"server", "--root"}), ElementsAre("server", "--root")) << "absl says what is missing";
}

TEST(DaemonTest, WhatWasTypedWrongIsATwo) {
  EXPECT_EQ(DaemonExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(DaemonExitCode(absl::InvalidArgumentError("no")), 2);
  EXPECT_EQ(DaemonExitCode(absl::UnavailableError("no")), 1);
}

}  // namespace
}  // namespace banyan
