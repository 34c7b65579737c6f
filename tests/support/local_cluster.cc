#include "tests/support/local_cluster.h"

#include <signal.h>

#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace banyan::testing {

LocalCluster::LocalCluster(std::string folder) : folder_(std::move(folder)), program_(BanyanProgram()) {}

LocalCluster::~LocalCluster() {
  if (up_) Down();
}

std::vector<std::string> LocalCluster::Argv(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {program_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

std::vector<std::string> LocalCluster::Environment(std::vector<std::string> first) const {
  first.insert(first.end(), {absl::StrCat("XDG_CONFIG_HOME=", folder_, "/config"),
                             absl::StrCat("XDG_STATE_HOME=", folder_, "/home"), "TERM=xterm", "NO_COLOR="});
  return first;
}

CommandResult LocalCluster::Banyan(const std::vector<std::string>& arguments) const {
  return RunCommand(Argv(arguments), Environment());
}

std::unique_ptr<Process> LocalCluster::Start(const std::vector<std::string>& arguments, uint16_t columns) const {
  return std::make_unique<Process>(Argv(arguments),
                                   Process::Options{.environment = Environment(), .columns = columns});
}

void LocalCluster::Up(int workers, int servers, int threads) {
  const CommandResult result =
      Banyan({"local", "up", absl::StrCat("--workers=", workers), absl::StrCat("--servers=", servers),
              absl::StrCat("--threads=", threads), "--root=data=" + folder_, "--state-dir=" + state_dir()});
  up_ = result.exit_code == 0;
  ASSERT_TRUE(up_) << result.err;
}

void LocalCluster::Down() {
  up_ = false;
  const CommandResult result = Banyan({"local", "down", "--state-dir=" + state_dir()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

std::string LocalCluster::Submit(const std::string& job_file, const std::vector<std::string>& flags) const {
  std::vector<std::string> arguments = {"submit", job_file, "--detach"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const CommandResult result = Banyan(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.LastLine();
}

bool LocalCluster::AwaitStep(const std::string& job, uint64_t step) const {
  const std::string line = absl::StrCat("{\"step\":", step, ",");
  // The coordinator may be away for a while.
  while (true) {
    const std::unique_ptr<Process> metrics = Start({"metrics", job, "-f", "-o", "jsonl"});
    if (metrics->AwaitOut(line)) return true;
    if (metrics->Wait().exit_code != 6) return false;
  }
}

LocalCluster::Json LocalCluster::Result(const std::string& job) const {
  const CommandResult result = Banyan({"wait", job, "--timeout", "120s", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return Json::parse(result.LastLine(), nullptr, /*allow_exceptions=*/false);
}

std::vector<std::string> LocalCluster::Lines(const std::string& job) const {
  const CommandResult result = Banyan({"metrics", job, "-o", "jsonl"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::istringstream text(result.out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

pid_t LocalCluster::Pid(const std::string& name) const {
  for (const Json& process : Json::parse(ReadFile(state_dir() + "/processes.json"))) {
    const std::string role = process["role"];
    if (name == (role == "coordinator" ? role : absl::StrCat(role, "-", process["index"].get<int>()))) {
      return process["pid"];
    }
  }
  ADD_FAILURE() << "no process " << name;
  return 0;
}

void LocalCluster::Kill(const std::string& name, int signal) const {
  const pid_t pid = Pid(name);
  if (pid > 0) {
    EXPECT_EQ(kill(pid, signal), 0) << name;
  }
}

std::string Answer(const nlohmann::json& result) {
  if (!result.is_object() || !result.contains("state_hash")) return "no result";
  std::string answer = result["state_hash"];
  for (const char* loss : {"train", "held_out"}) {
    if (result[loss].is_object()) absl::StrAppend(&answer, " ", result[loss]["loss_sum"].get<std::string>());
  }
  return answer;
}

std::vector<std::string> EventTypes(const nlohmann::json& result) {
  std::vector<std::string> types;
  if (!result.is_object() || !result.contains("events")) return types;
  for (const auto& event : result["events"]) types.push_back(event["type"]);
  return types;
}

}  // namespace banyan::testing
