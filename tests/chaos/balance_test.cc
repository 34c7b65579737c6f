// Two workers of real processes, one of which gets a third of its time: it is given fewer leaves, and the answer stays,
// to the last bit of every line.

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "common/base/sync.h"
#include "gtest/gtest.h"
#include "tests/support/hand_cluster.h"
#include "tests/support/known_jobs.h"

namespace banyan::testing {
namespace {

constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps}
  checkpoint: {every: 50 steps}
)";

// Leaves that take longer than a turn.
std::vector<std::string> LongLeaves() {
  return {"--set", "recipe.batch.samples=208", "--set", "recipe.batch.leaf=16"};
}

// A process that is stopped and goes on in turns, for as long as this lives. It is never still for so long that it
// would be taken for late.
class Slowed {
 public:
  explicit Slowed(pid_t pid)
      : process_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))), thread_([this] { TakeTurns(); }) {
    EXPECT_GE(process_, 0);
  }
  ~Slowed() {
    {
      MutexLock lock(mutex_);
      over_ = true;
      changed_.SignalAll();
    }
    thread_.join();
    close(process_);
  }

 private:
  void TakeTurns() {
    MutexLock lock(mutex_);
    while (!over_) {
      Signal(SIGSTOP);
      changed_.WaitFor(mutex_, absl::Milliseconds(30));
      Signal(SIGCONT);
      if (!over_) changed_.WaitFor(mutex_, absl::Milliseconds(5));
    }
  }
  // Not to another process that has its number, once it is gone.
  void Signal(int signal) const { syscall(SYS_pidfd_send_signal, process_, signal, nullptr, 0); }

  const int process_;
  Mutex mutex_;
  CondVar changed_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

struct Worker {
  int leaves = 0;
  pid_t pid = 0;
};

// Of a description.
Worker FindWorker(const std::string& description, const std::string& name) {
  std::smatch row;
  if (!std::regex_search(description, row, std::regex(name + " +here +\\S+ ago +(\\d+) +(\\d+)"))) {
    ADD_FAILURE() << name << "\n" << description;
    return {};
  }
  return {.leaves = std::stoi(row[1]), .pid = std::stoi(row[2])};
}

// The leaves of either worker in every assignment to both, in the same order.
std::vector<std::array<int, 2>> Assignments(const std::string& description) {
  const std::regex text("over 2 workers: (\\d+), (\\d+) leaves");
  std::vector<std::array<int, 2>> assignments;
  for (std::sregex_iterator match(description.begin(), description.end(), text), end; match != end; ++match) {
    assignments.push_back({std::stoi((*match)[1]), std::stoi((*match)[2])});
  }
  return assignments;
}

class BalanceTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<HandCluster>(MakeFolder("balance"));
    jobs_ = std::make_unique<KnownJobs>(*cluster_, /*steps=*/150, kRun, /*seed=*/20261127, LongLeaves());
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) cluster_->Start(name);
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
  }

  static std::string Describe(const KnownJobs::Job& job) { return cluster_->Banyan({"describe", job.id}).out; }

  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
};

TEST_P(BalanceTest, TheSlowerOneGetsFewerLeaves) {
  const KnownJobs::Job job = jobs_->Begin(GetParam(), 2, 20);
  const std::string before = Describe(job);
  // The one that has more.
  const std::array<Worker, 2> workers = {FindWorker(before, "worker-0"), FindWorker(before, "worker-1")};
  const Worker& slow = workers[workers[0].leaves > workers[1].leaves ? 0 : 1];
  const size_t place = Assignments(before).back()[0] == slow.leaves ? 0 : 1;
  {
    const Slowed slowed(slow.pid);
    jobs_->ExpectTheAnswer(job);
  }
  const std::string after = Describe(job);
  bool balanced = false;
  for (const std::array<int, 2>& leaves : Assignments(after)) {
    const int of_the_slow = leaves[place];
    const int of_the_other = leaves[1 - place];
    balanced = balanced || (of_the_slow > 0 && 2 * of_the_slow <= of_the_other);
  }
  EXPECT_TRUE(balanced) << after;
}

INSTANTIATE_TEST_SUITE_P(Jobs, BalanceTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
