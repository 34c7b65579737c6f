#include "cli/commands.h"

#include "absl/strings/str_cat.h"
#include "cli/base/contexts.h"
#include "cli/follow/fake_environment.h"
#include "common/checkpoint/checkpoint_fixture.h"
#include "common/file/file_util.h"
#include "common/rpc/token.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kJob[] = R"(version: 1
name: linear
recipe:
  model: linear
  data:
    synthetic_regression: {features: 16, samples: 4096, held_out: 0.125}
  batch: {samples: 64, leaf: 16}
  until: {steps: 200}
  optimizer:
    sgd: {learning_rate: 0.05}
)";

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    EXPECT_TRUE(CreateDirectories(world_.files, world_.folder).ok());
    EXPECT_TRUE(WriteFileAtomically(world_.files, job_file_, kJob).ok());
    EXPECT_TRUE(ReadOrCreateToken(token_file_).ok());
    const Contexts contexts{.current = "test", .known = {{"test", {"127.0.0.1:1", token_file_}}}};
    EXPECT_TRUE(WriteContexts(world_.files, world_.environment.config_dir, contexts).ok());
    v1::JobSummary& summary = *world_.cluster.description.mutable_summary();
    summary.set_id("j1");
    summary.set_name("linear");
    summary.set_total_steps(200);
    SetState(v1::SUCCEEDED, 200);
    v1::Recipe& recipe = *world_.cluster.description.mutable_resolved()->mutable_job()->mutable_recipe();
    recipe.mutable_batch()->set_samples(64);
    recipe.mutable_data()->mutable_synthetic_regression();
  }
  void SetState(v1::JobState state, uint64_t step) {
    world_.cluster.description.mutable_summary()->set_state(state);
    world_.cluster.description.mutable_summary()->set_step(step);
  }
  int Run(const std::vector<std::string>& arguments) {
    world_.out.str("");
    world_.err.str("");
    return static_cast<int>(Dispatch(world_.environment, arguments));
  }
  std::string out() const { return world_.out.str(); }
  std::string err() const { return world_.err.str(); }

  FakeEnvironment world_;
  const std::string job_file_ = world_.folder + "/linear.yaml";
  const std::string token_file_ = world_.folder + "/token";
};

TEST_F(CommandsTest, HelpListsEveryCommandAndEachHasItsOwn) {
  EXPECT_EQ(Run({"--help"}), 0);
  const std::string list = out();
  for (const Command& command : AllCommands()) {
    EXPECT_THAT(list, HasSubstr("  " + command.name + " "));
    EXPECT_EQ(Run({command.name, "--help"}), 0) << command.name;
    EXPECT_THAT(out(), HasSubstr("usage: banyan " + command.name));
    EXPECT_EQ(Run({command.name, "--no-such-flag"}), 2) << command.name;
    EXPECT_THAT(err(), HasSubstr("unknown flag '--no-such-flag'"));
  }
}

TEST_F(CommandsTest, AnUnknownCommandNamesTheNearest) {
  EXPECT_EQ(Run({"sumbit"}), 2);
  EXPECT_THAT(err(), HasSubstr("unknown command 'sumbit'; did you mean 'submit'?"));
  EXPECT_EQ(Run({}), 2);
}

TEST_F(CommandsTest, ValidateSaysWhatAJobMeans) {
  EXPECT_EQ(Run({"validate", job_file_}), 0);
  EXPECT_THAT(out(), HasSubstr("parameters  17 in 2 tensors"));
  EXPECT_THAT(out(), HasSubstr("a step      64 samples in 4 leaves of 16"));
  EXPECT_EQ(Run({"validate", job_file_, "--set", "recipe.until.steps=7", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"steps\":7"));
  EXPECT_EQ(Run({"validate", job_file_, "--full"}), 0);
  EXPECT_THAT(out(), HasSubstr("chunk_bytes: 1048576"));
}

TEST_F(CommandsTest, TheWholeJobIsAJobFileAsJsonToo) {
  EXPECT_EQ(Run({"validate", job_file_, "--full"}), 0);
  const std::string yaml = out();
  EXPECT_EQ(Run({"validate", job_file_, "--full", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"chunk_bytes\":1048576"));
  const std::string json_file = world_.folder + "/linear.json";
  ASSERT_TRUE(WriteFileAtomically(world_.files, json_file, out()).ok());
  EXPECT_EQ(Run({"validate", json_file, "--full"}), 0) << err();
  EXPECT_EQ(out(), yaml);
}

TEST_F(CommandsTest, ValidateShowsWhatIsWrong) {
  EXPECT_EQ(Run({"validate", job_file_, "--set", "recipe.batchs=1"}), 3);
  EXPECT_THAT(err(), HasSubstr("did you mean 'batch'"));
  EXPECT_EQ(out(), "");
  EXPECT_EQ(Run({"validate", world_.folder + "/none.yaml"}), 5);
}

TEST_F(CommandsTest, SubmitFollowsAndTellsTheEnd) {
  EXPECT_EQ(Run({"submit", job_file_, "--workers=3", "--leaf-plan=2,1,1"}), 0);
  ASSERT_EQ(world_.cluster.submitted.size(), 1);
  const v1::SubmitRequest& request = world_.cluster.submitted[0];
  EXPECT_EQ(request.job().run().workers().min(), 0);  // a lost worker must not hold the job up
  EXPECT_EQ(request.job().run().workers().max(), 3);
  EXPECT_THAT(request.leaf_plan(), ElementsAre(2, 1, 1));
  EXPECT_EQ(request.idempotency_key(), "u1");
  EXPECT_THAT(out(), HasSubstr("job linear (j1): SUCCEEDED at step 200\n"));
}

TEST_F(CommandsTest, SubmitDetachedPrintsOnlyTheId) {
  EXPECT_EQ(Run({"submit", job_file_, "--detach"}), 0);
  EXPECT_EQ(out(), "j1\n");
  EXPECT_EQ(err(), "");
}

TEST_F(CommandsTest, CtrlCLeavesASubmittedJobToItself) {
  SetState(v1::RUNNING, 3);
  world_.cluster.stream_stays_open = true;
  world_.interrupt_after = 1;
  EXPECT_EQ(Run({"submit", job_file_}), 130);
  EXPECT_TRUE(world_.cluster.stopped.empty());
  EXPECT_THAT(err(), HasSubstr("detached; job j1 goes on"));
}

TEST_F(CommandsTest, AJobThatTheCoordinatorRefusesIsABadConfig) {
  world_.cluster.submit_failure = absl::InvalidArgumentError("leaf plan adds up to 3, expected 4");
  EXPECT_EQ(Run({"submit", job_file_}), 3);
  EXPECT_THAT(err(), HasSubstr("banyan: error: leaf plan adds up to 3, expected 4\n"));
}

TEST_F(CommandsTest, FailuresOfTheClusterHaveTheirCodes) {
  EXPECT_EQ(Run({"describe", "none"}), 5);
  world_.cluster.failure = absl::UnavailableError("nobody listens");
  EXPECT_EQ(Run({"jobs"}), 6);
  world_.cluster.failure = absl::UnauthenticatedError("wrong token");
  EXPECT_EQ(Run({"jobs"}), 4);
}

TEST_F(CommandsTest, FindsItsClusterByFlagsOrContext) {
  const std::string token = ReadToken(token_file_).value();
  EXPECT_EQ(Run({"jobs"}), 0);
  EXPECT_EQ(world_.connected_to, "127.0.0.1:1 " + token);
  EXPECT_EQ(Run({"jobs", "--coordinator", "127.0.0.1:2", "--token-file", token_file_}), 0);
  EXPECT_EQ(world_.connected_to, "127.0.0.1:2 " + token);
  EXPECT_EQ(Run({"jobs", "--context", "lab"}), 5);
  EXPECT_EQ(Run({"context", "use", "lab", "--coordinator", "127.0.0.1:3", "--token-file", token_file_}), 0);
  EXPECT_EQ(Run({"jobs"}), 0);
  EXPECT_EQ(world_.connected_to, "127.0.0.1:3 " + token);
  EXPECT_EQ(Run({"context", "use", "nowhere"}), 5);
  EXPECT_EQ(Run({"context", "drop"}), 2);
}

TEST_F(CommandsTest, ResultEndsWithTheJobsCode) {
  EXPECT_EQ(Run({"result", "@last", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("{\"schema\":\"banyan.result/1\",\"job\":{\"id\":\"j1\""));
  SetState(v1::FAILED, 7);
  EXPECT_EQ(Run({"result", "j1"}), 1);
  SetState(v1::STOPPED, 7);
  EXPECT_EQ(Run({"result", "j1"}), 8);
  SetState(v1::RUNNING, 7);
  EXPECT_EQ(Run({"result", "j1"}), 5);
}

TEST_F(CommandsTest, WaitEndsAtItsGoal) {
  EXPECT_EQ(Run({"wait", "j1"}), 0);
  EXPECT_EQ(Run({"wait", "j1", "--for", "step=150"}), 0);
  EXPECT_EQ(Run({"wait", "j1", "--for", "state=SUCCEEDED"}), 0);
  EXPECT_EQ(Run({"wait", "j1", "--for", "state=STOPPED"}), 1);
  SetState(v1::STOPPED, 20);
  EXPECT_EQ(Run({"wait", "j1", "--for", "step=150"}), 8);
  EXPECT_EQ(Run({"wait", "j1", "--for", "state=STOPPED"}), 0);
  EXPECT_EQ(Run({"wait", "j1", "--for", "state=DONE"}), 2);
}

TEST_F(CommandsTest, WaitTimesOut) {
  SetState(v1::RUNNING, 3);
  world_.cluster.stream_stays_open = true;
  EXPECT_EQ(Run({"wait", "j1", "--timeout", "1ms"}), 124);
}

TEST_F(CommandsTest, StopIsDoneWhenTheJobStands) {
  SetState(v1::RUNNING, 3);
  world_.cluster.stop_ends_it = true;
  EXPECT_EQ(Run({"stop", "linear", "--now"}), 0);
  ASSERT_EQ(world_.cluster.stopped.size(), 1);
  EXPECT_EQ(world_.cluster.stopped[0].job(), "j1");
  EXPECT_TRUE(world_.cluster.stopped[0].now());
}

TEST_F(CommandsTest, PauseIsDoneWhenTheJobIsPaused) {
  SetState(v1::RUNNING, 3);
  EXPECT_EQ(Run({"pause", "linear"}), 0);
  ASSERT_EQ(world_.cluster.paused.size(), 1);
  EXPECT_EQ(world_.cluster.paused[0].job(), "j1");
}

class ResumeTest : public CommandsTest {
 protected:
  ResumeTest() {
    EXPECT_EQ(Run({"submit", job_file_, "--detach"}), 0);
    *world_.cluster.description.mutable_resolved()->mutable_job() = world_.cluster.submitted[0].job();
    SetState(v1::STOPPED, 20);
  }
};

TEST_F(ResumeTest, ChangesOnlyTheRun) {
  EXPECT_EQ(Run({"resume", "j1", "--detach", "--servers=2"}), 0);
  ASSERT_EQ(world_.cluster.resumed.size(), 1);
  EXPECT_EQ(world_.cluster.resumed[0].run().servers().count(), 2);
  EXPECT_EQ(Run({"resume", "j1", "--detach", "--set", "recipe.seed=9"}), 4);
  EXPECT_EQ(world_.cluster.resumed.size(), 1);
}

TEST_F(ResumeTest, LeavesTheRunAsItWas) {
  EXPECT_EQ(Run({"resume", "j1", "--detach"}), 0);
  EXPECT_FALSE(world_.cluster.resumed[0].has_run());
}

TEST_F(CommandsTest, ScalesToAMostOrBetweenTwoNumbers) {
  ASSERT_EQ(Run({"scale", "j1", "--workers=4"}), 0);
  EXPECT_EQ(world_.cluster.scaled.back().job(), "j1");
  EXPECT_EQ(world_.cluster.scaled.back().min(), 0);
  EXPECT_EQ(world_.cluster.scaled.back().max(), 4);
  ASSERT_EQ(Run({"scale", "j1", "--workers=2..5"}), 0);
  EXPECT_EQ(world_.cluster.scaled.back().min(), 2);
  EXPECT_EQ(world_.cluster.scaled.back().max(), 5);
  EXPECT_EQ(world_.cluster.scaled.back().servers(), 0);
  ASSERT_EQ(Run({"scale", "j1", "--servers=3"}), 0);
  EXPECT_EQ(world_.cluster.scaled.back().max(), 0);
  EXPECT_EQ(world_.cluster.scaled.back().servers(), 3);
  for (const char* wrong : {"", "0", "5..2", "2..", "..5", "2..0", "2...5", "many", "5000", "-1"}) {
    EXPECT_EQ(Run({"scale", "j1", absl::StrCat("--workers=", wrong)}), 2) << wrong;
  }
  EXPECT_EQ(Run({"scale", "j1"}), 2);
  EXPECT_EQ(Run({"scale", "nobody", "--workers=4"}), 5);
  EXPECT_EQ(world_.cluster.scaled.size(), 3);
}

TEST_F(CommandsTest, ScaleSaysWhatTheJobTakesNow) {
  EXPECT_EQ(Run({"scale", "linear", "--servers=3", "-o", "json"}), 0);
  EXPECT_EQ(world_.cluster.scaled.back().job(), "j1");
  EXPECT_EQ(out(), R"({"job":"j1","workers":{"min":0,"max":null},"servers":3})" "\n");
  EXPECT_EQ(Run({"scale", "j1", "--workers=2..5", "-o", "json"}), 0);
  EXPECT_EQ(out(), R"({"job":"j1","workers":{"min":2,"max":5},"servers":3})" "\n");
  EXPECT_EQ(Run({"scale", "j1", "--servers=1"}), 0);
  EXPECT_EQ(out(), "job j1: 2 to 5 workers, 1 server\n");
}

TEST_F(CommandsTest, MetricsAreExact) {
  v1::LedgerLine& line = *world_.cluster.updates.emplace_back().mutable_line();
  line.set_step(1);
  line.set_loss_sum(3072);
  line.set_weight(64);
  line.set_learning_rate(0.05);
  line.set_state_fingerprint(0xabc);
  EXPECT_EQ(Run({"metrics", "j1", "-o", "jsonl"}), 0);
  EXPECT_EQ(out(), R"({"step":1,"loss_sum":"0x1.8p+11","weight":"0x1p+6","learning_rate":"0x1.999999999999ap-5",)"
                   R"("grad_norm":null,"skipped":false,"state_fingerprint":"0000000000000abc"})" "\n");
  EXPECT_TRUE(world_.cluster.watched.back().once());
}

TEST_F(CommandsTest, LogsHoldNoControlCharacters) {
  v1::LogLine& line = *world_.cluster.updates.emplace_back().mutable_log();
  line.set_process("worker-0");
  line.set_text("a\x1b[2Jb");
  EXPECT_EQ(Run({"logs", "j1"}), 0);
  EXPECT_THAT(out(), HasSubstr("worker-0  a?[2Jb\n"));
}

TEST_F(CommandsTest, ListsJobs) {
  *world_.cluster.list.add_jobs() = world_.cluster.description.summary();
  EXPECT_EQ(Run({"jobs"}), 0);
  EXPECT_THAT(out(), HasSubstr("j1  linear  SUCCEEDED  200/200"));
  EXPECT_EQ(Run({"describe", "j1"}), 0);
  EXPECT_THAT(out(), HasSubstr("SUCCEEDED"));
  EXPECT_EQ(Run({"describe", "j1", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"total_steps\":\"200\""));
}

class CheckpointCommandsTest : public CommandsTest {
 protected:
  CheckpointCommandsTest() {
    EXPECT_TRUE(CreateDirectories(world_.files, folder_).ok());
    for (const uint64_t step : {100, 200}) {
      EXPECT_TRUE(fixture::WriteAndPublish(world_.files, fixture::SmallLayout(), folder_, {.term = 1, .step = step}).ok());
    }
  }
  void Damage(const std::string& checkpoint) {
    const auto file =
        world_.files.Open(folder_ + "/" + checkpoint + "/model.safetensors", OpenMode::kReadWrite).value();
    const std::byte wrong{0x55};
    ASSERT_TRUE(file->WriteAt(file->Size().value() - 1, {&wrong, 1}).ok());
  }

  const std::string folder_ = world_.folder + "/job";
};

TEST_F(CheckpointCommandsTest, ListsAndVerifies) {
  EXPECT_EQ(Run({"checkpoints", folder_}), 0);
  EXPECT_THAT(out(), HasSubstr("\n200   1     "));
  EXPECT_EQ(Run({"checkpoints", folder_ + "/step-000000000100-term-1", "-o", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"step\":100,\"term\":1,\"good\":true"));
  world_.cluster.description.set_checkpoint_directory(folder_ + "/step-000000000200-term-1");
  EXPECT_EQ(Run({"checkpoints", "j1"}), 0);
}

TEST_F(CheckpointCommandsTest, DamageIsFound) {
  Damage("step-000000000200-term-1");
  EXPECT_EQ(Run({"checkpoints", folder_}), 7);
  EXPECT_THAT(out(), HasSubstr("damaged"));
  EXPECT_EQ(Run({"export", folder_ + "/step-000000000200-term-1", world_.folder + "/out"}), 7);
  EXPECT_EQ(Run({"export", folder_, world_.folder + "/out"}), 0);
  EXPECT_THAT(out(), HasSubstr("exported step 100"));
}

TEST_F(CheckpointCommandsTest, NothingThereIsNotFound) {
  EXPECT_EQ(Run({"checkpoints", world_.folder + "/none"}), 5);
  EXPECT_EQ(Run({"checkpoints", world_.folder}), 5);
  EXPECT_EQ(Run({"checkpoints", "j7"}), 5);
}

}  // namespace
}  // namespace banyan::cli
