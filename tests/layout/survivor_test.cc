#include <signal.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/command.h"
#include "tests/support/jobs.h"

// Real processes with replicas: a server's death costs no step and no bit.
namespace banyan::testing {
namespace {

using Json = nlohmann::json;

std::string Job() {
  return GptJob(80, R"(  servers: {count: 3, replicas: 1, chunk_bytes: 16384}
  evaluate: {every: 10 steps, samples: 3, at_end: all}
  checkpoint: {every: 20 steps}
)");
}

bool HasCheckpoint(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (absl::StrContains(name, "step-000000000020") && !absl::EndsWith(name, ".partial")) return true;
  }
  return false;
}

std::optional<pid_t> ServerPid(const std::string& state_dir) {
  const Json processes = Json::parse(ReadFile(state_dir + "/processes.json"), nullptr, /*allow_exceptions=*/false);
  for (const Json& process : processes) {
    if (process["role"] == "server" && process["index"] == 1) return process["pid"].get<pid_t>();
  }
  return std::nullopt;
}

Json RunJob(const std::string& folder, const std::string& state, bool kill_a_server) {
  std::atomic<bool> over = false;
  bool killed = false;
  std::thread killer([&] {
    while (kill_a_server && !over && !killed) {
      std::this_thread::yield();
      if (!HasCheckpoint(folder + "/" + state)) continue;
      const std::optional<pid_t> pid = ServerPid(folder + "/" + state);
      killed = pid.has_value() && kill(*pid, SIGKILL) == 0;
    }
  });
  const CommandResult result = RunCommand({BanyanProgram(), "run", folder + "/job.yaml", "--workers", "2", "--servers",
                                           "3", "--threads", "1", "--state-dir", folder + "/" + state, "-o", "json"});
  over = true;
  killer.join();
  EXPECT_EQ(killed, kill_a_server);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? Json::parse(result.LastLine()) : Json::object();
}

TEST(SurvivorTest, AServerThatIsKilledCostsNoStepAndNoBit) {
  const std::string folder = MakeFolder("survivor");
  WriteFile(folder + "/text", SomeText());
  WriteFile(folder + "/job.yaml", Job());

  const Json reference = RunJob(folder, "undisturbed", false);
  const Json result = RunJob(folder, "killed", true);

  ASSERT_TRUE(reference.contains("state_hash") && result.contains("state_hash"));
  EXPECT_EQ(result["state_hash"], reference["state_hash"]);
  EXPECT_EQ(result["train"]["loss_sum"], reference["train"]["loss_sum"]);
  EXPECT_EQ(result["counters"].value("rollbacks", 0), 0);
  int lost = 0;
  for (const Json& event : result["events"]) lost += event["type"] == "SERVER_LOST" ? 1 : 0;
  EXPECT_GE(lost, 1) << "on a busy machine another may be suspected, which costs nothing";
}

}  // namespace
}  // namespace banyan::testing
