// What a person at a terminal sees of a job under way, and what Ctrl-C does; a pipe gets none of the terminal's tricks.

#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kErase[] = "\r\x1b[K";

constexpr char kJob[] = R"(
version: 1
name: live
recipe:
  model: {gpt: {layers: 2, heads: 2, width: 32, context: 16}}
  data: {text: {path: "data:text", held_out: 0.1}}
  batch: {samples: 16, leaf: 4}
  until: {steps: 400}
  optimizer: {adamw: {learning_rate: 1e-2}}
run:
  evaluate: {every: 20 steps, samples: 3}
)";

class LiveLineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<LocalCluster>(MakeFolder("live"));
    WriteFile(cluster_->folder() + "/text", SomeText());
    WriteFile(cluster_->folder() + "/job.yaml", kJob);
    cluster_->Up(/*workers=*/1, /*servers=*/1);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  static std::string Job() { return cluster_->folder() + "/job.yaml"; }

  // What was drawn on the line, one after another; and the lines that stay are those with an end.
  static std::vector<std::string> Drawn(const std::string& terminal) {
    std::vector<std::string> drawn = absl::StrSplit(terminal, kErase);
    // What came before the first.
    drawn.erase(drawn.begin());
    return drawn;
  }

  static size_t WidthOf(const std::string& drawn) { return drawn.find_first_of("\r\n"); }

  static inline std::unique_ptr<LocalCluster> cluster_;
};

TEST_F(LiveLineTest, OneLineIsDrawnOverOnATerminal) {
  const auto submit = cluster_->Start({"submit", Job()}, /*columns=*/100);
  ASSERT_TRUE(submit->AwaitErr(" left"));
  const CommandResult result = submit->Wait();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> drawn = Drawn(result.err);
  EXPECT_GT(drawn.size(), 3);
  EXPECT_TRUE(std::any_of(drawn.begin(), drawn.end(), [](const std::string& line) {
    return ::testing::Matches(ContainsRegex(
        "^step [0-9]+/400 +[0-9]+ %  loss [0-9.]+  held-out [0-9.]+  [0-9.]+k? tokens/s  [0-9]+s left$"))(line);
  })) << result.err;
  // One row: progress has no end of its line, until the last.
  size_t ended = 0;
  for (const std::string& line : drawn) {
    EXPECT_LT(std::min(WidthOf(line), line.size()), 100) << line;
    if (line.starts_with("step ") && line.find(" loss ") != std::string::npos) ended += absl::StrContains(line, "\n");
    for (const char c : line) EXPECT_TRUE(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f)) << line;
  }
  EXPECT_EQ(ended, 1) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST_F(LiveLineTest, ItKeepsToTheTerminalsWidthAlsoWhenThatChanges) {
  const auto submit = cluster_->Start({"submit", Job()}, /*columns=*/30);
  ASSERT_TRUE(submit->AwaitErr("loss"));
  submit->Resize(20);
  const CommandResult result = submit->Wait();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> drawn = Drawn(result.err);
  for (const std::string& line : drawn) {
    if (line.starts_with("step ") && absl::StrContains(line, "/400")) {
      EXPECT_LT(std::min(WidthOf(line), line.size()), 30) << line;
    }
  }
  EXPECT_LT(std::min(WidthOf(drawn.back()), drawn.back().size()), 20) << drawn.back();
}

TEST_F(LiveLineTest, NothingIsDrawnOverInAPipeOrWithNoColor) {
  const CommandResult piped = cluster_->Banyan({"submit", Job()});
  EXPECT_THAT(piped.err, AllOf(HasSubstr("step 400/400  100 %  loss"), Not(HasSubstr("\r")), Not(HasSubstr("\x1b"))));
  const std::vector<std::string> environment = cluster_->Environment({"NO_COLOR=1"});
  const CommandResult plain =
      Process({BanyanProgram(), "submit", Job()}, {.environment = environment, .columns = 100}).Wait();
  EXPECT_THAT(plain.err, AllOf(HasSubstr("step 400/400  100 %  loss"), Not(HasSubstr("\x1b"))));
}

TEST_F(LiveLineTest, CtrlCDetachesAndTheJobGoesOn) {
  const auto submit = cluster_->Start({"submit", Job(), "--set", "name=detached"});
  ASSERT_TRUE(submit->AwaitErr("RUNNING"));
  submit->Signal(SIGINT);
  const CommandResult result = submit->Wait();
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_THAT(result.err, HasSubstr("goes on. Follow it: banyan wait j"));
  EXPECT_EQ(cluster_->Result("detached")["state"], "SUCCEEDED");
}

TEST_F(LiveLineTest, CtrlCStopsARunWithACheckpointAndLeavesNoProcess) {
  const std::string state = cluster_->folder() + "/run";
  const auto run = cluster_->Start(
      {"run", Job(), "--set", "recipe.until.steps=100000", "--state-dir", state, "-o", "json"});
  ASSERT_TRUE(run->AwaitErr("RUNNING"));
  const auto processes = nlohmann::json::parse(ReadFile(state + "/processes.json"));
  run->Signal(SIGINT);
  const CommandResult result = run->Wait();
  EXPECT_EQ(result.exit_code, 8) << result.err;
  const auto json = nlohmann::json::parse(result.LastLine(), nullptr, false);
  EXPECT_EQ(json["state"], "STOPPED");
  EXPECT_EQ(json["checkpoint"]["step"], json["step"]);
  for (const auto& process : processes) EXPECT_NE(kill(process["pid"].get<pid_t>(), 0), 0) << process;
}

}  // namespace
}  // namespace banyan::testing
