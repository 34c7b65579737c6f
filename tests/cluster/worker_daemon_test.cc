// The worker's daemon as it is started by people; the test is its coordinator.

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/sync.h"
#include "common/rpc/server.h"
#include "common/rpc/token.h"
#include "gtest/gtest.h"
#include "proto/cluster.grpc.pb.h"

extern char** environ;

namespace banyan {
namespace {

constexpr char kProgram[] = "worker/banyan-worker";

// Hears reports; tells each incarnation to leave as often as it is asked to.
class TestCoordinator final : public v1::Coordinator::Service {
 public:
  grpc::Status Session(grpc::ServerContext*, grpc::ServerReaderWriter<v1::Command, v1::Report>* stream) override {
    v1::Report report;
    while (stream->Read(&report)) {
      v1::Command command;
      command.set_id(1);
      {
        MutexLock lock(mutex_);
        last_ = report;
        ++reports_;
        incarnations_.insert(report.process().incarnation());
        command.set_coordinator_term(term_);
        command.set_leave(leave_ == report.process().incarnation());
        changed_.SignalAll();
      }
      stream->Write(command);
    }
    return grpc::Status::OK;
  }

  // The report for which `wanted` holds.
  v1::Report Await(const std::function<bool(const v1::Report&)>& wanted) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    MutexLock lock(mutex_);
    while (!wanted(last_) && absl::Now() < deadline) changed_.WaitFor(mutex_, absl::Milliseconds(100));
    EXPECT_TRUE(wanted(last_));
    return last_;
  }

  // The last of so many more.
  v1::Report AwaitMore(int reports) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    MutexLock lock(mutex_);
    reports += reports_;
    while (reports_ < reports && absl::Now() < deadline) changed_.WaitFor(mutex_, absl::Milliseconds(100));
    EXPECT_GE(reports_, reports);
    return last_;
  }

  void TellToLeave(uint64_t incarnation) {
    MutexLock lock(mutex_);
    leave_ = incarnation;
  }

  void SpeakIn(uint64_t term) {
    MutexLock lock(mutex_);
    term_ = term;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  v1::Report last_ ABSL_GUARDED_BY(mutex_);
  int reports_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t term_ ABSL_GUARDED_BY(mutex_) = 1;
  std::set<uint64_t> incarnations_ ABSL_GUARDED_BY(mutex_);
  uint64_t leave_ ABSL_GUARDED_BY(mutex_) = 0;
};

class WorkerDaemonTest : public testing::Test {
 protected:
  void SetUp() override {
    // A grandchild whose parent was killed comes to this process, which can then wait for its end.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::string pattern = testing::TempDir() + "/banyan_daemon_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    const std::string token = *ReadOrCreateToken(directory_ + "/token");
    rpc_ = *RpcServer::Start({.listen = "127.0.0.1:0", .token = token, .services = {&coordinator_}});
  }
  void TearDown() override {
    if (daemon_ > 0) {
      kill(daemon_, SIGKILL);
      waitpid(daemon_, nullptr, 0);
    }
    rpc_->Shutdown(absl::Milliseconds(50));
    std::filesystem::remove_all(directory_);
  }

  void Start(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {kProgram, "--name=w7", "--coordinator", rpc_->endpoint(),
                                          "--state-dir=" + directory_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ASSERT_EQ(posix_spawn(&daemon_, kProgram, nullptr, nullptr, pointers.data(), environ), 0);
  }

  int AwaitExit() {
    int status = 0;
    waitpid(daemon_, &status, 0);
    daemon_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  static bool Known(const v1::Report& report) { return report.process().incarnation() != 0; }

  std::string directory_;
  TestCoordinator coordinator_;
  std::unique_ptr<RpcServer> rpc_;
  pid_t daemon_ = -1;
};

TEST_F(WorkerDaemonTest, SaysWhatItIs) {
  Start({"--threads=3", "--isa=avx2", "--root", "a=" + directory_, "--root", "b=" + directory_});
  const v1::Process process = coordinator_.Await(Known).process();
  EXPECT_EQ(process.role(), v1::WORKER);
  EXPECT_EQ(process.name(), "w7");
  EXPECT_EQ(process.threads(), 3u);
  EXPECT_EQ(process.device_kind().substr(0, 9), "cpu:avx2:");
  EXPECT_NE(process.pid(), daemon_);
}

TEST_F(WorkerDaemonTest, EveryLifeIsAProcessOfItsOwn) {
  Start({});
  const v1::Process first = coordinator_.Await(Known).process();
  coordinator_.TellToLeave(first.incarnation());
  const auto another = [&](const v1::Report& report) {
    return report.process().incarnation() != first.incarnation();
  };
  const v1::Process second = coordinator_.Await(another).process();
  EXPECT_NE(second.pid(), first.pid());
  EXPECT_EQ(second.name(), "w7");
  // One that dies is followed by the next as well.
  kill(static_cast<pid_t>(second.pid()), SIGKILL);
  coordinator_.Await([&](const v1::Report& report) {
    return report.process().pid() != first.pid() && report.process().pid() != second.pid();
  });
}

TEST_F(WorkerDaemonTest, LeavesWhenAsked) {
  Start({});
  coordinator_.Await(Known);
  kill(daemon_, SIGTERM);
  EXPECT_EQ(AwaitExit(), 0);
}

TEST_F(WorkerDaemonTest, ObeysNoOlderCoordinator) {
  coordinator_.SpeakIn(/*term=*/5);
  Start({});
  const auto obeys = [](const v1::Report& report) { return report.coordinator_term() == 5; };
  const uint64_t life = coordinator_.Await(obeys).process().incarnation();

  coordinator_.SpeakIn(/*term=*/4);
  coordinator_.TellToLeave(life);

  // The command answers the first of them.
  const v1::Report report = coordinator_.AwaitMore(3);
  EXPECT_EQ(report.process().incarnation(), life);
  EXPECT_EQ(report.coordinator_term(), 5u);
}

TEST_F(WorkerDaemonTest, ItsChildDiesWithIt) {
  Start({});
  const auto child = static_cast<pid_t>(coordinator_.Await(Known).process().pid());
  kill(daemon_, SIGKILL);
  AwaitExit();
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
}

TEST_F(WorkerDaemonTest, RefusesBadFlags) {
  Start({"--isa=avx3"});
  EXPECT_EQ(AwaitExit(), 2);
}

}  // namespace
}  // namespace banyan
