#include "cli/follow/follow.h"

#include "absl/strings/match.h"
#include "cli/follow/fake_environment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class FollowTest : public testing::Test {
 protected:
  FollowTest() {
    v1::JobSummary& summary = *world_.cluster.description.mutable_summary();
    summary.set_id("j1");
    summary.set_state(v1::RUNNING);
    summary.set_total_steps(4);
  }
  void AddLine(uint64_t step) {
    v1::LedgerLine& line = *world_.cluster.updates.emplace_back().mutable_line();
    line.set_step(step);
    line.set_time(static_cast<double>(step));
    line.set_loss_sum(2);
    line.set_weight(1);
  }
  void AddState(v1::JobState state) {
    v1::JobSummary& summary = *world_.cluster.updates.emplace_back().mutable_summary();
    summary = world_.cluster.description.summary();
    summary.set_state(state);
    summary.set_step(4);
  }
  absl::StatusOr<FollowEnd> Run(FollowOptions options, int interrupt_after = 0) {
    FakeInterrupts interrupts(interrupt_after);
    FakeJobsClient client(world_.cluster);
    options.job = "j1";
    options.tick = absl::Milliseconds(1);
    return Follow(world_.environment, client, interrupts, options);
  }

  FakeEnvironment world_;
};

TEST_F(FollowTest, GoesOnUntilTheJobIsOver) {
  for (uint64_t step = 1; step <= 4; ++step) AddLine(step);
  AddState(v1::SUCCEEDED);
  world_.cluster.stream_stays_open = true;
  EXPECT_EQ(Run({}).value(), FollowEnd::kOver);
  EXPECT_THAT(world_.err.str(), HasSubstr("step 4/4  100 %  loss 2.0000"));
  EXPECT_EQ(world_.out.str(), "");
}

TEST_F(FollowTest, TellsEvents) {
  v1::Event& event = *world_.cluster.updates.emplace_back().mutable_event();
  event.set_step(137);
  event.set_type("WORKER_LOST");
  event.set_who("worker-1");
  event.set_text("its stream ended");
  AddState(v1::SUCCEEDED);
  ASSERT_TRUE(Run({}).ok());
  EXPECT_THAT(world_.err.str(), HasSubstr("step 137: WORKER_LOST worker-1: its stream ended\n"));
}

TEST_F(FollowTest, DrawsNoEscapesWithoutATerminal) {
  AddLine(1);
  AddState(v1::SUCCEEDED);
  ASSERT_TRUE(Run({}).ok());
  EXPECT_THAT(world_.err.str(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(world_.err.str(), Not(HasSubstr("\r")));
}

TEST_F(FollowTest, DrawsOverItsLineOnATerminal) {
  world_.environment.rewrites_lines = true;
  world_.environment.columns = [] { return size_t{10}; };
  AddLine(1);
  world_.cluster.stream_stays_open = true;
  EXPECT_EQ(Run({.until = [](const Progress& progress) { return progress.step() == 1; }}).value(), FollowEnd::kReached);
  EXPECT_THAT(world_.err.str(), HasSubstr("step 1/4"));
}

TEST_F(FollowTest, AStreamThatBreaksIsOpenedAgainWhereItWas) {
  AddLine(3);
  const auto again = [&](const Progress&) { return world_.cluster.watched.size() == 2; };
  EXPECT_EQ(Run({.until = again}).value(), FollowEnd::kReached);
  EXPECT_EQ(world_.cluster.watched[0].after_step(), 0);
  EXPECT_EQ(world_.cluster.watched[1].after_step(), 3);
}

TEST_F(FollowTest, AnInterruptDetaches) {
  world_.cluster.stream_stays_open = true;
  EXPECT_EQ(Run({}, 1).value(), FollowEnd::kInterrupted);
  EXPECT_TRUE(world_.cluster.stopped.empty());
}

TEST_F(FollowTest, AnInterruptStopsTheJobOnceWhereItShall) {
  world_.cluster.stream_stays_open = true;
  world_.cluster.stop_ends_it = true;
  EXPECT_EQ(Run({.interrupt_stops = true}, 1).value(), FollowEnd::kOver);
  ASSERT_EQ(world_.cluster.stopped.size(), 1);
  EXPECT_FALSE(world_.cluster.stopped[0].now());
}

TEST_F(FollowTest, GivesUpAtItsTimeout) {
  world_.cluster.stream_stays_open = true;
  EXPECT_EQ(Run({.timeout = absl::Milliseconds(5)}).value(), FollowEnd::kTimedOut);
}

TEST_F(FollowTest, ACoordinatorThatStaysAwayIsAnError) {
  FakeInterrupts interrupts;
  FakeJobsClient client(world_.cluster);
  const FollowOptions options{.job = "j1",
                              .until = [this](const Progress&) {
                                world_.cluster.failure = absl::UnavailableError("nobody listens");
                                return false;
                              },
                              .patience = absl::Milliseconds(5),
                              .tick = absl::Milliseconds(1)};
  EXPECT_EQ(Follow(world_.environment, client, interrupts, options).status(), world_.cluster.failure);
  EXPECT_THAT(world_.err.str(), HasSubstr("the coordinator is away"));
}

TEST_F(FollowTest, PatienceBeginsWhenTheCoordinatorGoesNotWithTheLastStep) {
  const auto away = [&] { return absl::StrContains(world_.err.str(), "the coordinator is away"); };
  const auto over = [&](const Progress&) {
    if (away()) return true;
    if (world_.cluster.failure.ok()) world_.clock.Advance(absl::Hours(1));  // of one step
    world_.cluster.failure = absl::UnavailableError("nobody listens");
    return false;
  };
  const absl::StatusOr<FollowEnd> end = Run({.until = over});
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, FollowEnd::kReached);
}

}  // namespace
}  // namespace banyan::cli
