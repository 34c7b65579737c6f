#include "common/process/shutdown_watch.h"

#include <signal.h>
#include <unistd.h>

#include <array>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(ShutdownWatchTest, SignalAsksToDrainAndSecondOneLeaves) {
  Mutex mutex;
  CondVar changed;
  bool left = false;
  ShutdownWatch watch({.leave_now = [&] {
    MutexLock lock(mutex);
    left = true;
    changed.Signal();
  }});
  EXPECT_EQ(watch.reason(), "");
  kill(getpid(), SIGTERM);
  watch.Wait();
  EXPECT_EQ(watch.reason(), "SIGTERM");
  kill(getpid(), SIGTERM);
  MutexLock lock(mutex);
  while (!left) changed.Wait(mutex);
  EXPECT_EQ(watch.reason(), "SIGTERM");
}

TEST(ShutdownWatchTest, EndOfTheParentsPipeAsksToDrain) {
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  ShutdownWatch watch({.parent_pipe = ends[0]});
  EXPECT_FALSE(watch.WaitFor(absl::Milliseconds(1)));
  close(ends[1]);
  watch.Wait();
  EXPECT_EQ(watch.reason(), "the parent process is gone");
}

TEST(ShutdownWatchTest, FirstReasonStands) {
  ShutdownWatch watch({});
  watch.Request("job over");
  watch.Request("other");
  watch.Wait();
  EXPECT_EQ(watch.reason(), "job over");
}

}  // namespace
}  // namespace banyan
