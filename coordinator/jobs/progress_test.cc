#include "coordinator/jobs/progress.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

constexpr uint64_t kModel = 1000;

class ProgressTest : public testing::Test {
 protected:
  // A second later.
  void Hear(const std::string& process, const std::map<std::string, uint64_t>& counters) {
    now_ += absl::Seconds(1);
    progress_.Hear(process, counters, kModel, now_);
  }
  int64_t Quiet() const { return absl::ToInt64Seconds(progress_.Quiet(now_)); }

  absl::Duration now_;
  Progress progress_{absl::ZeroDuration()};
};

TEST_F(ProgressTest, WorkThatIsDoneOnceIsProgress) {
  Hear("w", {{"leaves_computed", 3}});
  EXPECT_EQ(Quiet(), 1) << "that it came is none";
  for (const char* work : {"leaves_computed", "evaluation_leaves_computed", "partials_taken", "chunks_applied"}) {
    Hear(work, {{work, 3}});
    Hear(work, {{work, 4}});
    EXPECT_EQ(Quiet(), 0) << work;
  }
}

TEST_F(ProgressTest, WhatRepeatsIsNoneAndIsNamed) {
  Hear("w", {{"partials_pushed", 7}, {"leaves_computed", 3}});
  Hear("s", {{"partials_refused", 0}, {"chunks_applied", 2}});
  progress_.Made(now_);
  for (uint64_t i = 1; i <= 20; ++i) {
    Hear("w", {{"partials_pushed", 7 + i}, {"leaves_computed", 3 + i}, {"leaves_recomputed", i}, {"bytes_pushed", i}});
    Hear("s", {{"partials_refused", 2 * i}, {"chunks_applied", 2}});
  }
  EXPECT_EQ(Quiet(), 40);
  EXPECT_EQ(progress_.Meanwhile(), "s counts 40 partials_refused more, w counts 20 partials_pushed more, "
                                   "w counts 20 leaves_recomputed more, w counts 20 leaves_computed more");
  progress_.Made(now_);
  EXPECT_EQ(progress_.Meanwhile(), "");
}

// A large model takes its time; weights that come again and again do not count.
TEST_F(ProgressTest, AWorkerPullsTheModelOnce) {
  Hear("w", {{"bytes_pulled", 500}});
  for (const uint64_t bytes : {900, 1200, 1500}) {
    Hear("w", {{"bytes_pulled", bytes}});
    EXPECT_EQ(Quiet(), 0) << bytes;
  }
  Hear("w", {{"bytes_pulled", 1501}});
  EXPECT_EQ(Quiet(), 1);
  Hear("w", {{"bytes_pulled", 1501}, {"leaves_computed", 1}});
  Hear("w", {{"bytes_pulled", 2000}, {"leaves_computed", 1}});
  EXPECT_EQ(Quiet(), 0) << "for the next step";
}

// A leaf may take minutes. One that is computed again and again does not count, however many layers that takes.
TEST_F(ProgressTest, ALongLeafGoesOn) {
  Hear("w", {{"leaves_computed", 1}, {"leaves_recomputed", 0}, {"layers_run", 100}});
  progress_.Made(now_);
  for (uint64_t i = 1; i <= 50; ++i) {
    Hear("w", {{"leaves_computed", 1}, {"leaves_recomputed", 0}, {"layers_run", 100 + i}});
    EXPECT_EQ(Quiet(), 0) << i;
  }
  Hear("w", {{"leaves_computed", 2}, {"leaves_recomputed", 1}, {"layers_run", 151}});
  Hear("w", {{"leaves_computed", 2}, {"leaves_recomputed", 1}, {"layers_run", 152}});
  EXPECT_EQ(Quiet(), 2);
}

TEST_F(ProgressTest, AnotherLifeCountsFromNothing) {
  Hear("w", {{"leaves_computed", 5}, {"partials_pushed", 5}});
  progress_.Made(now_);
  Hear("w", {{"leaves_computed", 1}, {"partials_pushed", 2}});
  EXPECT_EQ(Quiet(), 1);
  EXPECT_EQ(progress_.Meanwhile(), "");
  Hear("w", {{"leaves_computed", 2}, {"partials_pushed", 2}});
  EXPECT_EQ(Quiet(), 0);
}

}  // namespace
}  // namespace banyan::coordinator
