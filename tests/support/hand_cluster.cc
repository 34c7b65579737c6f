#include "tests/support/hand_cluster.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/leftovers.h"
#include "tests/support/loopback.h"

namespace banyan::testing {
namespace {

std::string Token() { return std::string(64, 'a'); }

}  // namespace

HandCluster::HandCluster(std::string folder, Process::Options daemons)
    : folder_(std::move(folder)), options_(std::move(daemons)), program_(BanyanProgram()) {
  WriteFile(folder_ + "/token", Token());
  EXPECT_EQ(chmod((folder_ + "/token").c_str(), 0600), 0);
  Start("coordinator");
}

HandCluster::~HandCluster() {
  for (const char* role : {"worker", "server", "coordinator"}) {
    for (const auto& [name, daemon] : daemons_) {
      if (absl::StartsWith(name, role)) daemon->Signal(SIGTERM);
    }
    for (const auto& [name, daemon] : daemons_) {
      if (!absl::StartsWith(name, role)) continue;
      EXPECT_EQ(daemon->Wait().exit_code, 0) << name << "\n" << daemon->err();
    }
  }
}

void HandCluster::Start(const std::string& name, const std::vector<std::string>& flags) {
  Launch(name, flags);
  Process& daemon = process(name);
  ASSERT_TRUE(daemon.AwaitOut("\n")) << name << "\n" << daemon.err();
  if (name == "coordinator") coordinator_ = Endpoint(name);
}

std::string HandCluster::Word(const std::string& name, size_t index) {
  const std::string out = process(name).out();
  return std::vector<std::string>(absl::StrSplit(absl::StripAsciiWhitespace(out), ' ')).at(index);
}

std::string HandCluster::Endpoint(const std::string& name) { return Word(name, 2); }

std::string HandCluster::MetricsEndpoint(const std::string& name) { return Word(name, 3); }

double HandCluster::Metric(const std::string& server, const std::string& sample) {
  const int page = ConnectToLoopback(PortOf(MetricsEndpoint(server)));
  EXPECT_GE(page, 0) << server;
  if (page < 0) return 0;
  const std::string request = absl::StrCat("GET /metrics HTTP/1.0\r\nAuthorization: Basic ",
                                           absl::Base64Escape("banyan:" + Token()), "\r\n\r\n");
  EXPECT_EQ(send(page, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t size; (size = recv(page, part.data(), part.size(), 0)) > 0;) {
    text.append(part.data(), static_cast<size_t>(size));
  }
  close(page);
  EXPECT_TRUE(absl::StrContains(text, "200 OK")) << text;
  const std::string name = absl::StrCat("\n", sample, " ");
  const size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size()));
}

void HandCluster::Launch(const std::string& name, const std::vector<std::string>& flags) {
  const std::string role = name.substr(0, name.find('-'));
  const std::string state = StateOf(name);
  std::filesystem::create_directories(state);
  std::vector<std::string> argv = {
      absl::StrCat(std::filesystem::path(program_).parent_path().string(), "/banyan-", role),
      "--state-dir=" + state, "--token-file=" + folder_ + "/token"};
  if (role == "coordinator") {
    argv.push_back("--listen=" + (coordinator_.empty() ? "127.0.0.1:0" : coordinator_));
  } else {
    argv.insert(argv.end(), {"--name=" + name, "--coordinator=" + coordinator_, "--root=data=" + folder_,
                             "--threads=1"});
  }
  argv.insert(argv.end(), flags.begin(), flags.end());
  daemons_[name] = std::make_unique<Process>(argv, options_);
}

CommandResult HandCluster::AwaitEnd(const std::string& name) {
  CommandResult end = daemons_.at(name)->Wait();
  daemons_.erase(name);
  return end;
}

void HandCluster::Kill(const std::string& name) {
  daemons_.at(name)->Signal(SIGKILL);
  const CommandResult end = daemons_.at(name)->Wait();
  EXPECT_EQ(end.exit_code, 128 + SIGKILL) << name << " had ended before\n" << end.err;
  daemons_.erase(name);
}

void HandCluster::Drain(const std::string& name) {
  const absl::Time asked = absl::Now();
  daemons_.at(name)->Signal(SIGTERM);
  const CommandResult end = daemons_.at(name)->Wait();
  EXPECT_LE(absl::Now() - asked, absl::Seconds(kDrainSeconds)) << name << "\n" << end.err;
  EXPECT_EQ(end.exit_code, 0) << name << "\n" << end.err;
  daemons_.erase(name);
}

std::vector<std::string> HandCluster::Argv(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {program_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.insert(argv.end(), {"--coordinator", coordinator_, "--token-file", folder_ + "/token"});
  return argv;
}

Process::Options HandCluster::Environment() const {
  return {.environment = {"XDG_CONFIG_HOME=" + folder_ + "/config", "XDG_STATE_HOME=" + folder_ + "/home",
                          "NO_COLOR="}};
}

CommandResult HandCluster::Banyan(const std::vector<std::string>& arguments) const {
  return RunCommand(Argv(arguments), Environment().environment);
}

std::unique_ptr<Process> HandCluster::Begin(const std::vector<std::string>& arguments) const {
  return std::make_unique<Process>(Argv(arguments), Environment());
}

void HandCluster::AwaitStep(const std::string& job, int step) const {
  const std::string line = absl::StrCat("{\"step\":", step, ",");
  while (true) {
    const std::unique_ptr<Process> metrics = Begin({"metrics", job, "-f", "-o", "jsonl"});
    if (metrics->AwaitOut(line)) return;
    ASSERT_EQ(metrics->Wait().exit_code, 6) << "no step " << step << " of " << job;
  }
}

HandCluster::Json HandCluster::Result(const std::string& job) const {
  CommandResult result;
  do {
    result = Banyan({"wait", job, "--timeout", "200s", "-o", "json"});
  } while (result.exit_code == 6);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return Json::parse(result.LastLine(), nullptr, /*allow_exceptions=*/false);
}

std::string HandCluster::Lines(const std::string& job) const {
  const CommandResult result = Banyan({"metrics", job, "-o", "jsonl"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

int HandCluster::CountLines(const std::string& job) const {
  const std::string lines = Lines(job);
  return static_cast<int>(std::ranges::count(lines, '\n'));
}

}  // namespace banyan::testing
