#include "common/base/sync.h"

#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(CondVarTest, WaitReturnsWhenAnotherThreadChangedTheCondition) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  std::jthread setter([&] {
    MutexLock lock(mutex);
    ready = true;
    changed.Signal();
  });
  MutexLock lock(mutex);
  while (!ready) changed.Wait(mutex);
  EXPECT_TRUE(ready);
}

TEST(CondVarTest, WaitForReportsThatTimePassed) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  EXPECT_FALSE(changed.WaitFor(mutex, absl::Milliseconds(1)));
}

}  // namespace
}  // namespace banyan
