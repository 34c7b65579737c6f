#include "server/service/executor.h"

#include <optional>
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

}  // namespace
}  // namespace banyan::server
