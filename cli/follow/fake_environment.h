#ifndef BANYAN_CLI_FOLLOW_FAKE_ENVIRONMENT_H_
#define BANYAN_CLI_FOLLOW_FAKE_ENVIRONMENT_H_

#include <memory>
#include <sstream>
#include <string>

#include "cli/base/environment.h"
#include "cli/client/fake_jobs_client.h"
#include "common/base/clock.h"
#include "common/file/posix_file_system.h"
#include "gtest/gtest.h"

namespace banyan::cli {

// Interrupted from the `after`-th question on; 0: never.
class FakeInterrupts final : public Interrupts {
 public:
  explicit FakeInterrupts(int after = 0) : after_(after) {}
  bool WaitFor(absl::Duration) override { return after_ > 0 && ++asked_ >= after_; }

 private:
  const int after_;
  int asked_ = 0;
};

// The machine's, and moved on at will.
class MovedClock final : public Clock {
 public:
  absl::Duration Monotonic() const override { return system_.Monotonic() + by_; }
  absl::Time Now() const override { return system_.Now() + by_; }
  void Advance(absl::Duration by) { by_ += by; }

 private:
  SystemClock system_;
  absl::Duration by_;
};

// The world of a command under test: what it prints is kept, its coordinator is a FakeCluster, files are in a folder of
// the test's own.
struct FakeEnvironment {
  std::ostringstream out;
  std::ostringstream err;
  PosixFileSystem files;
  MovedClock clock;
  FakeCluster cluster;
  int interrupt_after = 0;
  std::string connected_to;  // endpoint and token of the last connection
  const std::string folder = [] {
    const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
    return testing::TempDir() + "/" + test.test_suite_name() + "-" + test.name();
  }();

  Environment environment{
      .out = out,
      .err = err,
      .programs = folder + "/bin",
      .config_dir = folder + "/config",
      .local_state_dir = folder + "/local",
      .unique = "u1",
      .files = files,
      .clock = clock,
      .connect =
          [this](const std::string& endpoint, const std::string& token) {
            connected_to = endpoint + " " + token;
            return std::make_unique<FakeJobsClient>(cluster);
          },
      .watch_interrupts = [this] { return std::make_unique<FakeInterrupts>(interrupt_after); },
  };
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_FOLLOW_FAKE_ENVIRONMENT_H_
