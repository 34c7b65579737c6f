// The daemons as a person starts them, by the README's three terminals, and every command that speaks to them: what it
// prints, and the exit codes that docs/cli.md fixes.

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/command.h"
#include "tests/support/jobs.h"
#include "tests/support/process.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr char kJob[] = R"(version: 1
name: small
recipe:
  seed: 7
  model: {gpt: {layers: 1, heads: 2, width: 16, context: 16}}
  data: {text: {path: "data:text", held_out: 0.1}}
  batch: {samples: 4, leaf: 1}
  until: {steps: 30}
  optimizer: {adamw: {learning_rate: 1e-2}}
run:
  evaluate: {every: 10 steps, samples: 3}
  checkpoint: {every: 10 steps, keep: 4}
)";

class ByHandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = MakeFolder("by-hand");
    bin_ = std::filesystem::path(BanyanProgram()).parent_path();
    WriteFile(folder_ + "/text", SomeText());
    WriteFile(folder_ + "/small.yaml", kJob);
    WriteFile(folder_ + "/token", std::string(64, 'a'));
    ASSERT_EQ(chmod((folder_ + "/token").c_str(), 0600), 0);
    coordinator_ = Daemon("coordinator", {"--listen=127.0.0.1:0"});
    ASSERT_TRUE(coordinator_->AwaitOut("\n")) << coordinator_->err();
    endpoint_ = std::vector<std::string>(absl::StrSplit(coordinator_->out(), ' '))[2];
    for (const char* role : {"server", "worker"}) {
      daemons_.push_back(Daemon(role, {absl::StrCat("--name=", role, "-0"), "--coordinator=" + endpoint_,
                                       "--root=data=" + folder_, "--threads=2"}));
      ASSERT_TRUE(daemons_.back()->AwaitOut("ready ")) << daemons_.back()->err();
    }
    const CommandResult submitted = Banyan({"submit", folder_ + "/small.yaml"});
    ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
    EXPECT_THAT(submitted.out, StartsWith("job small (j1): SUCCEEDED at step 30\n"));
    // As this program was called: to be typed where the reader stands.
    EXPECT_THAT(submitted.out, HasSubstr(absl::StrCat("next:\n  ", BanyanProgram(), " checkpoints ", folder_)));
    EXPECT_THAT(submitted.out, HasSubstr("OUT    # a directory that transformers loads\n"));
    EXPECT_THAT(submitted.err, AllOf(StartsWith("submitted job j1\n"), HasSubstr("SUCCEEDED")));
  }
  static void TearDownTestSuite() {
    for (const auto& daemon : daemons_) daemon->Signal(SIGTERM);
    for (const auto& daemon : daemons_) EXPECT_EQ(daemon->Wait().exit_code, 0);
    coordinator_->Signal(SIGTERM);
    EXPECT_EQ(coordinator_->Wait().exit_code, 0);
    daemons_.clear();
    coordinator_.reset();
  }

  static std::unique_ptr<Process> Daemon(const std::string& role, std::vector<std::string> flags) {
    const std::string state = absl::StrCat(folder_, "/", role);
    std::filesystem::create_directories(state);
    flags.insert(flags.begin(), {absl::StrCat(bin_, "/banyan-", role), "--state-dir=" + state,
                                 "--token-file=" + folder_ + "/token"});
    return std::make_unique<Process>(flags);
  }

  static std::vector<std::string> Environment() {
    return {"XDG_CONFIG_HOME=" + folder_ + "/config", "XDG_STATE_HOME=" + folder_ + "/home"};
  }

  // `banyan ARGUMENTS`; to the cluster of the test where the command is one that speaks to a cluster.
  static CommandResult Banyan(std::vector<std::string> arguments, bool with_cluster = true) {
    arguments.insert(arguments.begin(), absl::StrCat(bin_, "/banyan"));
    if (with_cluster) {
      arguments.insert(arguments.end(), {"--coordinator", endpoint_, "--token-file", folder_ + "/token"});
    }
    return RunCommand(arguments, Environment());
  }

  static Json AsJson(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  // A job that stands in the way of nobody, for it wants two workers and there is one.
  static std::string SubmitOneThatWaits(const std::string& patience) {
    const CommandResult result =
        Banyan({"submit", folder_ + "/small.yaml", "--detach", "--set", "run.workers.min=2", "--set", "name=waits",
                "--set", "run.workers.wait=" + patience});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return result.LastLine();
  }

  static inline std::string folder_;
  static inline std::string bin_;
  static inline std::string endpoint_;
  static inline std::unique_ptr<Process> coordinator_;
  static inline std::vector<std::unique_ptr<Process>> daemons_;
};

TEST_F(ByHandTest, TheListOfJobs) {
  const CommandResult text = Banyan({"jobs"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(StartsWith("ID"), HasSubstr("SUCCEEDED"), HasSubstr("30/30")));
  const Json jobs = AsJson(Banyan({"jobs", "-o", "json"}));
  ASSERT_FALSE(jobs.empty());
  EXPECT_EQ(jobs.back()["id"], "j1");
  EXPECT_EQ(jobs.back()["state"], "SUCCEEDED");
}

TEST_F(ByHandTest, TheDescriptionOfAJob) {
  const CommandResult text = Banyan({"describe", "j1"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  for (const char* part : {"SUCCEEDED", "30/30", "held-out loss", "PROCESS", "worker-0", "server-0", "here", "cpu:",
                           "WORKER_JOINED", "steps 0, 10, 20, 30"}) {
    EXPECT_THAT(text.out, HasSubstr(part));
  }
  const Json json = AsJson(Banyan({"describe", "small", "-o", "json"}));
  EXPECT_EQ(json["summary"]["id"], "j1");
  EXPECT_EQ(json["processes"].size(), 2);
}

TEST_F(ByHandTest, TheLogsOfAJob) {
  const CommandResult all = Banyan({"logs", "j1"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out, AllOf(HasSubstr("worker-0"), HasSubstr("server-0")));
  // Of a job that is over, following ends.
  const CommandResult followed = Banyan({"logs", "-f", "j1", "-o", "json"});
  EXPECT_EQ(followed.exit_code, 0) << followed.err;
  EXPECT_TRUE(Json::parse(followed.LastLine(), nullptr, false).contains("process")) << followed.out;
}

TEST_F(ByHandTest, TheMetricsOfAJob) {
  const CommandResult lines = Banyan({"metrics", "j1", "-o", "jsonl"});
  EXPECT_EQ(lines.exit_code, 0) << lines.err;
  int step = 0;
  for (const auto& line : absl::StrSplit(lines.out, '\n', absl::SkipEmpty())) {
    const Json json = Json::parse(line);
    EXPECT_EQ(json["step"], ++step);
    EXPECT_TRUE(json["grad_norm"].is_null());
    EXPECT_EQ(json["state_fingerprint"].get<std::string>().size(), 16);
    EXPECT_THAT(json["loss_sum"].get<std::string>(), StartsWith("0x1."));
  }
  EXPECT_EQ(step, 30);
  EXPECT_EQ(Banyan({"metrics", "-f", "j1", "-o", "jsonl"}).out, lines.out);
  EXPECT_THAT(Banyan({"metrics", "j1"}).out, AllOf(HasSubstr("STEP"), HasSubstr("\n      30 ")));
}

TEST_F(ByHandTest, TheResultOfAJob) {
  const CommandResult result = Banyan({"result", "j1", "-o", "json"});
  const Json json = AsJson(result);
  EXPECT_EQ(json["schema"], "banyan.result/1");
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_EQ(ReadFile(folder_ + "/coordinator/jobs/j1/result.json"), result.out);
  EXPECT_EQ(Banyan({"wait", "@last", "--for", "step=30", "--timeout", "60s"}).exit_code, 0);
  EXPECT_EQ(Banyan({"wait", "j1", "-o", "json"}).out, result.out);
  EXPECT_EQ(Banyan({"wait", "j1", "--for", "step=31"}).exit_code, 1);
}

TEST_F(ByHandTest, TheCheckpointsOfAJobAndWhatComesOfThem) {
  const Json checkpoints = AsJson(Banyan({"checkpoints", "j1", "-o", "json"}));
  std::vector<int> steps;
  for (const Json& checkpoint : checkpoints) {
    steps.push_back(checkpoint["step"]);
    EXPECT_EQ(checkpoint["good"], true) << checkpoint;
  }
  EXPECT_THAT(steps, ElementsAre(30, 20, 10, 0));
  EXPECT_EQ(checkpoints[0]["state_hash"], AsJson(Banyan({"result", "j1", "-o", "json"}))["state_hash"]);
  const std::string out = folder_ + "/exported";
  EXPECT_EQ(AsJson(Banyan({"export", "j1", out, "-o", "json"}))["step"], 30);
  EXPECT_TRUE(std::filesystem::exists(out + "/model.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(out + "/config.json"));
  const CommandResult text = Banyan({"generate", "j1", "--tokens", "20", "--prompt", "line", "--temperature", "0"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("line"));
}

TEST_F(ByHandTest, AJobIsStoppedAndResumed) {
  const std::string job = SubmitOneThatWaits("10m");
  EXPECT_EQ(Banyan({"result", job}).exit_code, 5);
  EXPECT_EQ(Banyan({"wait", job, "--timeout", "1ms"}).exit_code, 124);
  const Json scaled = AsJson(Banyan({"scale", job, "--workers", "2..3", "-o", "json"}));
  EXPECT_EQ(scaled["job"], job);
  EXPECT_EQ(scaled["workers"], (Json{{"min", 2}, {"max", 3}}));
  EXPECT_EQ(scaled["servers"], 1);
  const CommandResult stopped = Banyan({"stop", job, "-o", "json"});
  EXPECT_EQ(AsJson(stopped)["state"], "STOPPED");
  EXPECT_EQ(Banyan({"result", job}).exit_code, 8);
  EXPECT_EQ(Banyan({"stop", job}).exit_code, 4);
  EXPECT_EQ(Banyan({"resume", job, "--set", "recipe.seed=8"}).exit_code, 4);
  const CommandResult resumed = Banyan({"resume", job, "--workers", "1", "-o", "json"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(Json::parse(resumed.LastLine())["state_hash"],
            AsJson(Banyan({"result", "j1", "-o", "json"}))["state_hash"]);
}

TEST_F(ByHandTest, AJobThatFailsSaysWhy) {
  const CommandResult waited = Banyan({"wait", SubmitOneThatWaits("1s")});
  EXPECT_EQ(waited.exit_code, 1);
  EXPECT_THAT(waited.out, HasSubstr("waited 1s for 2 workers and has"));
  const CommandResult missing =
      Banyan({"submit", folder_ + "/small.yaml", "--set", "recipe.data.text.path=data:no-such-text"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.out, HasSubstr("no-such-text"));
}

TEST_F(ByHandTest, BadInputIsToldAndHasItsExitCode) {
  WriteFile(folder_ + "/bad.yaml", absl::StrReplaceAll(kJob, {{"seed: 7", "sead: 7"}}));
  WriteFile(folder_ + "/other-token", std::string(64, 'b'));
  ASSERT_EQ(chmod((folder_ + "/other-token").c_str(), 0600), 0);
  WriteFile(folder_ + "/open-token", std::string(64, 'a'));
  ASSERT_EQ(chmod((folder_ + "/open-token").c_str(), 0644), 0);
  std::filesystem::create_directories(folder_ + "/empty");
  struct Row {
    std::vector<std::string> arguments;
    int exit_code;
    std::string says;
  };
  const std::string job = folder_ + "/small.yaml";
  const auto at = [](const std::string& coordinator, const std::string& token,
                     std::vector<std::string> command = {"jobs"}) {
    command.insert(command.end(), {"--coordinator", coordinator, "--token-file", folder_ + "/" + token});
    return command;
  };
  std::vector<Row> rows = {
      {{"sumbit"}, 2, "did you mean 'submit'"},
      {{"run"}, 2, "JOB"},
      {{"run", job, "--workers", "0"}, 2, "'--workers'"},
      {{"run", job, "--workers=many"}, 2, "'--workers'"},
      {{"run", job, "--no-such"}, 2, "unknown flag '--no-such'"},
      {{"run", job, "--state-dir", job}, 4, "small.yaml"},
      {{"run", folder_ + "/none.yaml"}, 5, "none.yaml"},
      {{"run", folder_ + "/bad.yaml"}, 3, "bad.yaml:4:3: error"},
      {{"validate", folder_ + "/bad.yaml"}, 3, "did you mean 'seed'"},
      {{"validate", job, "--set", "run.workers.max=0"}, 3, "run.workers.max"},
      {{"submit", job, "--leaf-plan", "1,x"}, 2, "'--leaf-plan' is '1,x', expected whole numbers"},
      {at(endpoint_, "token", {"submit", job, "--leaf-plan", "1,1"}), 3, "adds up to 2 leaves, a step has 4"},
      {at(endpoint_, "token", {"submit", job, "--leaf-plan", "2,2", "--workers", "1"}), 3,
       "leaf plan is for 2 workers, run.workers.max is 1"},
      {{"submit", job, "--chunk-bytes", "1000"}, 3, "run.servers.chunk_bytes is 1000"},
      {{"submit", job, "--chunk-bytes", "20000"}, 3, "expected 16384 times a power of two"},
      {{"local", "sideways"}, 2, "expected up, down or status"},
      {{"local", "status"}, 5, "local"},
      {{"local", "down"}, 5, "local"},
      {{"jobs"}, 5, "no cluster is named"},
      {at(endpoint_, "other-token"), 4, "token"},
      {at(endpoint_, "open-token"), 4, "open-token"},
      {at(endpoint_, "no-token"), 5, "no-token"},
      {at("127.0.0.1:1", "token"), 6, "coordinator at 127.0.0.1:1"},
      {{"checkpoints", folder_ + "/empty"}, 5, "no checkpoint"},
      {{"export", folder_ + "/nowhere", folder_ + "/x"}, 5, "nowhere"},
      {{"generate", folder_ + "/empty"}, 5, "empty"},
  };
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"describe", "nobody"},
           {"logs", "nobody"},
           {"metrics", "nobody"},
           {"wait", "nobody"},
           {"result", "nobody"},
           {"stop", "nobody"},
           {"pause", "nobody"},
           {"resume", "nobody"},
           {"scale", "nobody", "--workers", "1"},
           {"fork", "nobody", "--at", "1"},
           {"checkpoints", "nobody"},
           {"export", "nobody", folder_ + "/x"},
           {"generate", "nobody"},
       }) {
    rows.push_back({at(endpoint_, "token", command), 5, "job 'nobody' is not known"});
  }
  for (const Row& row : rows) {
    const CommandResult result = Banyan(row.arguments, /*with_cluster=*/false);
    EXPECT_EQ(result.exit_code, row.exit_code) << ::testing::PrintToString(row.arguments) << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(row.says)) << ::testing::PrintToString(row.arguments);
    EXPECT_EQ(result.out, "") << ::testing::PrintToString(row.arguments);
  }
  EXPECT_EQ(Banyan({"stop", "j1"}).exit_code, 4);
  EXPECT_EQ(Banyan({"resume", "j1"}).exit_code, 4);
  EXPECT_EQ(Banyan({"wait", "j1", "--for", "step=x"}).exit_code, 2);
}

TEST_F(ByHandTest, ADamagedCheckpointIsNeverUsed) {
  const std::string newest = AsJson(Banyan({"result", "j1", "-o", "json"}))["checkpoint"]["path"];
  const std::string copy = folder_ + "/damaged";
  std::filesystem::copy(newest, copy);
  std::string weights = ReadFile(copy + "/model.safetensors");
  weights[weights.size() - 5] ^= 1;
  std::filesystem::permissions(copy + "/model.safetensors", std::filesystem::perms::owner_all);
  WriteFile(copy + "/model.safetensors", weights);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"checkpoints", copy}, {"export", copy, folder_ + "/x"}, {"generate", copy}}) {
    const CommandResult result = Banyan(command, /*with_cluster=*/false);
    EXPECT_EQ(result.exit_code, 7) << command[0] << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr("model.safetensors")) << command[0];
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/x"));
}

TEST_F(ByHandTest, AFullDiskIsToldAndTheJobGoesOnToItsLastCheckpoint) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "under this limit TSan cannot make what it needs for itself";
#endif
  // A server that can write no file beyond one block, as on a full disk.
  std::filesystem::create_directories(folder_ + "/full");
  Process full({"/bin/sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh", bin_ + "/banyan-server",
                "--name=full", "--coordinator=" + endpoint_, "--state-dir=" + folder_ + "/full",
                "--token-file=" + folder_ + "/token", "--root=data=" + folder_});
  ASSERT_TRUE(full.AwaitOut("ready ")) << full.err();
  const CommandResult result =
      Banyan({"submit", folder_ + "/small.yaml", "--servers", "2", "--chunk-bytes", "16384", "--set", "name=full"});
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_THAT(result.out, HasSubstr("the checkpoint of step 30 cannot be written: "));
  EXPECT_THAT(Banyan({"describe", "full"}).out, HasSubstr("CHECKPOINT_FAILED"));
  full.Signal(SIGTERM);
  EXPECT_EQ(full.Wait().exit_code, 0);
  const CommandResult resumed = Banyan({"resume", "full", "--servers", "1", "-o", "json"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(Json::parse(resumed.LastLine())["state_hash"],
            AsJson(Banyan({"result", "j1", "-o", "json"}))["state_hash"]);
  // Each step once, also those that were told before the failure was.
  EXPECT_EQ(Banyan({"metrics", "full", "-o", "jsonl"}).out, Banyan({"metrics", "j1", "-o", "jsonl"}).out);
}

TEST_F(ByHandTest, ADaemonThatCannotStartSaysWhy) {
  WriteFile(folder_ + "/file", "");
  struct Row {
    std::string role;
    std::vector<std::string> flags;
    int exit_code;
    std::string says;
  };
  const std::string to = "--coordinator=" + endpoint_;
  for (const Row& row : std::vector<Row>{
           {"coordinator", {"--listen=" + endpoint_, "--state-dir=" + folder_ + "/c2"}, 1, "the port is taken"},
           {"coordinator", {"--listen=0.0.0.0:0", "--state-dir=" + folder_ + "/c2"}, 2, "beyond loopback"},
           {"coordinator", {"--state-dir=" + folder_ + "/file/c"}, 1, "file"},
           {"server", {to, "--name=s", "--root=data=/no/such"}, 1, "/no/such"},
           {"worker", {to, "--name=w", "--token-file=" + folder_ + "/none"}, 1, "none"},
           {"worker", {to, "--name=w", "--isa=pentium"}, 2, "expected sse2, avx2 or avx512_core"},
       }) {
    const CommandResult result = Daemon(row.role, row.flags)->Wait();
    EXPECT_EQ(result.exit_code, row.exit_code) << row.role << " " << row.says << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(row.says)) << row.role;
    EXPECT_EQ(result.out, "") << row.role;
  }
}

}  // namespace
}  // namespace banyan::testing
