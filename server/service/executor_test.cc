#include "server/service/executor.h"

#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

TEST(ExecutorTest, RunsTasksInOrder) {
  std::vector<int> order;
  {
    Executor executor;
    for (int i = 0; i < 1000; ++i) executor.Post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 1000u) << "the destructor runs what was posted";
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ExecutorTest, TasksMayPostTasks) {
  bool ran = false;
  {
    Executor executor;
    executor.Post([&] { executor.Post([&ran] { ran = true; }); });
  }
  EXPECT_TRUE(ran);
}

TEST(ExecutorTest, IsBehindWhileItDoesNotComeToATick) {
  const absl::Time start = absl::UnixEpoch() + absl::Hours(1);
  std::binary_semaphore stuck(0);
  std::binary_semaphore through(0);
  Executor executor;
  executor.Post([&] { stuck.acquire(); });
  executor.OnTick(start);
  executor.OnTick(start + absl::Milliseconds(900));
  EXPECT_EQ(executor.behind_since(), std::nullopt);
  executor.OnTick(start + absl::Seconds(30));
  EXPECT_EQ(executor.behind_since(), start);
  stuck.release();
  executor.Post([&] { through.release(); });
  through.acquire();
  EXPECT_EQ(executor.behind_since(), std::nullopt);
  executor.OnTick(start + absl::Seconds(31));
  EXPECT_EQ(executor.behind_since(), std::nullopt);
}

TEST(ExecutorTest, TwoThatPostToEachOtherCanBeStopped) {
  Executor first;
  Executor second;
  int rounds = 0;
  const std::function<void()> there = [&] {
    ++rounds;
    second.Post([&] { first.Post(there); });
  };
  first.Post(there);
  first.Stop();
  second.Stop();
  EXPECT_GE(rounds, 1);
  const auto held = std::make_shared<int>();
  second.Post([held] {});
  EXPECT_EQ(held.use_count(), 1) << "dropped";
}

}  // namespace
}  // namespace banyan::server
