#include "cli/base/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FlagsTest : public testing::Test {
 protected:
  FlagsTest() {
    flags_.AddSwitch("detach", &detach_, "print only the id");
    flags_.AddText("state-dir", "DIR", &state_dir_, "where the cluster keeps its state");
    flags_.AddTexts("set", "PATH=VALUE", &set_, "changes a field");
    flags_.AddCount("workers", 1, 64, &workers_, "workers to start");
    flags_.AddCounts("leaf-plan", &plan_, "leaves of each worker");
    flags_.AddDuration("timeout", &timeout_, "longest wait");
    flags_.AddChoice("o", {"text", "json"}, &output_, "form of the output");
  }

  absl::Status Parse(const std::vector<std::string>& arguments) { return flags_.Parse(arguments); }
  std::string Refusal(const std::vector<std::string>& arguments) {
    const absl::Status status = Parse(arguments);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  Flags flags_{{.command = "run", .arguments = "JOB", .summary = "Runs a job", .least = 1, .most = 1}};
  bool detach_ = false;
  std::string state_dir_;
  std::vector<std::string> set_;
  std::optional<uint64_t> workers_;
  std::vector<uint32_t> plan_;
  std::optional<absl::Duration> timeout_;
  std::string output_ = "text";
};

TEST_F(FlagsTest, ReadsEveryKindInBothSpellings) {
  ASSERT_TRUE(Parse({"--workers", "3", "a.yaml", "--leaf-plan=5,2,1", "--set", "a=1", "--set=b=2", "--timeout", "1h30m",
                     "-o", "json", "--detach", "--state-dir=x"})
                  .ok());
  EXPECT_EQ(workers_, 3);
  EXPECT_THAT(plan_, ElementsAre(5, 2, 1));
  EXPECT_THAT(set_, ElementsAre("a=1", "b=2"));
  EXPECT_EQ(timeout_, absl::Minutes(90));
  EXPECT_EQ(output_, "json");
  EXPECT_TRUE(detach_);
  EXPECT_EQ(state_dir_, "x");
  EXPECT_THAT(flags_.arguments(), ElementsAre("a.yaml"));
}

TEST_F(FlagsTest, KeepsDefaults) {
  ASSERT_TRUE(Parse({"a.yaml"}).ok());
  EXPECT_EQ(workers_, std::nullopt);
  EXPECT_EQ(output_, "text");
}

TEST_F(FlagsTest, NamesTheNearestOfAnUnknownFlag) {
  EXPECT_EQ(Refusal({"a.yaml", "--worker", "3"}), "unknown flag '--worker'; did you mean '--workers'?");
}

TEST_F(FlagsTest, RefusesAFlagGivenTwice) {
  EXPECT_EQ(Refusal({"a", "--workers=1", "--workers=2"}), "'--workers' is given twice");
}

TEST_F(FlagsTest, RefusesUnreadableValues) {
  EXPECT_EQ(Refusal({"a", "--workers=x"}), "'--workers' is 'x', expected a whole number from 1 to 64");
}

TEST_F(FlagsTest, RefusesValuesOutOfBounds) {
  EXPECT_THAT(Refusal({"a", "--workers=65"}), HasSubstr("from 1 to 64"));
}

TEST_F(FlagsTest, RefusesAnEmptyPartOfAList) { EXPECT_THAT(Refusal({"a", "--leaf-plan=5,,1"}), HasSubstr("5,2,1")); }

TEST_F(FlagsTest, RefusesAnotherChoice) { EXPECT_THAT(Refusal({"a", "-o", "xml"}), HasSubstr("expected text or json")); }

TEST_F(FlagsTest, RefusesAMissingValue) { EXPECT_EQ(Refusal({"a", "--set"}), "'--set' has no value, expected PATH=VALUE"); }

TEST_F(FlagsTest, RefusesAValueOfASwitch) { EXPECT_EQ(Refusal({"a", "--detach=yes"}), "'--detach' takes no value"); }

TEST_F(FlagsTest, CountsTheArguments) {
  EXPECT_EQ(Refusal({}), "an argument is missing, expected: banyan run JOB [flags]");
}

TEST_F(FlagsTest, RefusesOneArgumentTooMany) {
  EXPECT_EQ(Refusal({"a", "b"}), "'b' is one argument too many, expected: banyan run JOB [flags]");
}

TEST_F(FlagsTest, TakesAnythingAfterTwoDashes) {
  ASSERT_TRUE(Parse({"--", "--workers"}).ok());
  EXPECT_THAT(flags_.arguments(), ElementsAre("--workers"));
}

TEST_F(FlagsTest, HelpNamesEveryFlag) {
  ASSERT_TRUE(Parse({"--help"}).ok());
  EXPECT_TRUE(flags_.help_wanted());
  EXPECT_THAT(flags_.Help(), HasSubstr("--set PATH=VALUE     changes a field (repeatable)\n"));
  EXPECT_THAT(flags_.Help(), HasSubstr("usage: banyan run JOB [flags]\nRuns a job\n"));
}

}  // namespace
}  // namespace banyan::cli
