#include "cli/cluster/local_cluster.h"

#include <signal.h>
#include <unistd.h>

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using testing::HasSubstr;

class LocalClusterTest : public testing::Test {
 protected:
  LocalClusterTest() {
    EXPECT_TRUE(CreateDirectories(files_, options_.programs).ok());
    const std::string fake =
        std::string(getenv("TEST_SRCDIR")) + "/" + getenv("TEST_WORKSPACE") + "/cli/cluster/fake_daemon";
    for (const char* role : {"coordinator", "server", "worker"}) {
      EXPECT_EQ(symlink(fake.c_str(), (options_.programs + "/banyan-" + role).c_str()), 0);
    }
    EXPECT_TRUE(CreateDirectories(files_, options_.state_dir).ok());
    options_.state_dir = files_.RealPath(options_.state_dir).value();
    options_.say = [this](const std::string& text) {
      MutexLock lock(mutex_);
      said_ += text + "\n";
      changed_.SignalAll();
    };
  }
  void Do(const std::string& role, const std::string& what) {
    EXPECT_TRUE(WriteFileAtomically(files_, options_.programs + "/banyan-" + role + ".does", what).ok());
  }
  // False when it was not said in a minute.
  bool WaitUntilSaid(const std::string& text) {
    MutexLock lock(mutex_);
    while (said_.find(text) == std::string::npos) {
      if (!changed_.WaitFor(mutex_, absl::Minutes(1))) return false;
    }
    return true;
  }
  std::string Log(const std::string& name) {
    return ReadFile(files_, options_.state_dir + "/logs/" + name + ".log", 1 << 20).value();
  }

  PosixFileSystem files_;
  const std::string folder_ =
      testing::TempDir() + "/cluster-" + testing::UnitTest::GetInstance()->current_test_info()->name();
  LocalCluster::Options options_{.programs = folder_ + "/bin",
                                 .state_dir = folder_ + "/state",
                                 .roots = {"data=/tmp", "b=/"},
                                 .servers = 2,
                                 .workers = 2,
                                 .threads = 3,
                                 .first_back_off = absl::Milliseconds(1)};
  Mutex mutex_;
  CondVar changed_;
  std::string said_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(LocalClusterTest, StartsAllAndLeavesNothing) {
  const auto cluster = LocalCluster::Start(files_, options_).value();
  const std::vector<LocalProcess> processes = cluster->processes();
  ASSERT_EQ(processes.size(), 5);
  EXPECT_EQ(ReadProcesses(files_, options_.state_dir).value(), processes);
  for (const LocalProcess& process : processes) EXPECT_TRUE(IsAlive(process, options_.state_dir)) << process.Name();
  EXPECT_THAT(Log("coordinator"), HasSubstr("--token-file=" + cluster->token_file() + "\n--parent-pipe=3\n--listen=127.0.0.1:0\n"));
  EXPECT_THAT(Log("worker-1"), HasSubstr("--coordinator=" + cluster->coordinator() +
                                         "\n--name=worker-1\n--root=data=/tmp,b=/\n--threads=3\n"));
  EXPECT_THAT(Log("worker-1"), testing::Not(HasSubstr("--listen")));
  EXPECT_THAT(Log("server-0"), HasSubstr("--listen=127.0.0.1:0\n"));
  EXPECT_TRUE(cluster->Stop().ok());
  for (const LocalProcess& process : processes) EXPECT_EQ(kill(process.pid, 0), -1) << process.Name();
  EXPECT_EQ(ReadProcesses(files_, options_.state_dir).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LocalClusterTest, OneThatDoesNotStartLeavesNothing) {
  Do("worker", "dies");
  const absl::Status status = LocalCluster::Start(files_, options_).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker-0: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the disk is full"));
}

TEST_F(LocalClusterTest, AKilledProcessIsStartedAgain) {
  const auto cluster = LocalCluster::Start(files_, options_).value();
  const pid_t before = cluster->processes()[4].pid;
  kill(before, SIGKILL);
  ASSERT_TRUE(WaitUntilSaid("worker-1 was killed by signal 9; starting it again in 1ms"));
  ASSERT_TRUE(WaitUntilSaid("worker-1 runs again"));
  EXPECT_NE(cluster->processes()[4].pid, before);
  EXPECT_EQ(ReadProcesses(files_, options_.state_dir).value(), cluster->processes());
}

TEST_F(LocalClusterTest, ACoordinatorComesBackAtItsPort) {
  const auto cluster = LocalCluster::Start(files_, options_).value();
  kill(cluster->processes()[0].pid, SIGKILL);
  ASSERT_TRUE(WaitUntilSaid("coordinator runs again"));
  EXPECT_EQ(cluster->processes()[0].endpoint, cluster->coordinator());
}

TEST_F(LocalClusterTest, OneThatEndsTooOftenIsGivenUp) {
  Do("worker", "ends");
  options_.most_restarts = 2;
  const auto cluster = LocalCluster::Start(files_, options_).value();
  ASSERT_TRUE(WaitUntilSaid("worker-0 exited with status 0; starting it again in 2ms"));
  ASSERT_TRUE(WaitUntilSaid("worker-0 exited with status 0; it ended too often and is given up"));
}

TEST_F(LocalClusterTest, OneThatDoesNotListenIsKilled) {
  Do("server", "stubborn");
  options_.stop_timeout = absl::Milliseconds(10);
  const auto cluster = LocalCluster::Start(files_, options_).value();
  const std::vector<LocalProcess> processes = cluster->processes();
  EXPECT_TRUE(cluster->Stop().ok());
  for (const LocalProcess& process : processes) EXPECT_EQ(kill(process.pid, 0), -1) << process.Name();
}

TEST_F(LocalClusterTest, OrphansOfAnEarlierOneAreEndedFirst) {
  options_.most_restarts = 0;  // the first keeper only watches
  const auto cluster = LocalCluster::Start(files_, options_).value();
  const std::vector<LocalProcess> before = cluster->processes();
  // The kernel does not keep a process from its own lock, so this is as if the first keeper were gone.
  const auto next = LocalCluster::Start(files_, options_).value();
  ASSERT_TRUE(WaitUntilSaid("worker-1 exited with status 0"));
  for (const LocalProcess& process : before) EXPECT_FALSE(IsAlive(process, options_.state_dir)) << process.Name();
}

TEST_F(LocalClusterTest, ProcessesComeAndGoWhileItRuns) {
  const auto cluster = LocalCluster::Start(files_, options_).value();
  EXPECT_EQ(cluster->Add("worker"), "worker-2");
  ASSERT_TRUE(WaitUntilSaid("worker-2 runs"));
  ASSERT_EQ(cluster->processes().size(), 6);
  EXPECT_EQ(ReadProcesses(files_, options_.state_dir).value(), cluster->processes());
  cluster->Remove("worker-0");
  ASSERT_TRUE(WaitUntilSaid("worker-0 has left"));
  EXPECT_EQ(cluster->processes().size(), 5);
  EXPECT_EQ(ReadProcesses(files_, options_.state_dir).value(), cluster->processes());
  cluster->Remove("worker-7");
  cluster->Signal("worker-1", SIGKILL);
  ASSERT_TRUE(WaitUntilSaid("worker-1 was killed by signal 9"));
  EXPECT_TRUE(cluster->Stop().ok());
}

TEST_F(LocalClusterTest, OneThatStandsStillEndsWithTheOthers) {
  const auto cluster = LocalCluster::Start(files_, options_).value();
  const std::vector<LocalProcess> processes = cluster->processes();
  for (const LocalProcess& process : processes) kill(-process.pid, SIGSTOP);
  EXPECT_TRUE(cluster->Stop().ok());
  for (const LocalProcess& process : processes) EXPECT_EQ(kill(process.pid, 0), -1) << process.Name();
}

TEST_F(LocalClusterTest, OneThatRanForLongHasAFreshStart) {
  options_.most_restarts = 1;
  options_.steady = absl::ZeroDuration();
  const auto cluster = LocalCluster::Start(files_, options_).value();
  for (int i = 0; i < 3; ++i) {
    kill(cluster->processes()[4].pid, SIGKILL);
    ASSERT_TRUE(WaitUntilSaid("worker-1 runs again"));
    MutexLock lock(mutex_);
    said_.clear();
  }
}

}  // namespace
}  // namespace banyan::cli
