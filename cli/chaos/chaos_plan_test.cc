#include "cli/chaos/chaos_plan.h"

#include <set>

#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using Kind = ChaosPlan::Kind;

const ChaosPlan::View kView = {.running = true,
                               .step = 10,
                               .checkpoint = 5,
                               .names = {"coordinator", "server-0", "server-1", "worker-0", "worker-1"}};

TEST(ChaosPlanTest, ASeedIsASequence) {
  ChaosPlan a({.seed = 7});
  ChaosPlan b({.seed = 7});
  ChaosPlan c({.seed = 8});
  int differ = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string text = Describe(*a.Next(kView));
    EXPECT_EQ(text, Describe(*b.Next(kView)));
    differ += text == Describe(*c.Next(kView)) ? 0 : 1;
  }
  EXPECT_GT(differ, 10);
}

TEST(ChaosPlanTest, DoesEverythingThatThereIs) {
  ChaosPlan plan({.seed = 1, .least_servers = 1, .replicas = true});
  std::set<std::string> seen;
  ChaosPlan::View view = kView;
  for (int i = 0; i < 500; ++i) {
    ++view.step;
    const ChaosPlan::Act act = *plan.Next(view);
    seen.insert(Describe({.kind = act.kind, .who = act.who.substr(0, act.who.find('-')), .lasts = absl::Seconds(1)}));
    if (act.kind == Kind::kFreeze) {
      EXPECT_GE(act.lasts, absl::Milliseconds(500));
    }
  }
  EXPECT_EQ(seen, (std::set<std::string>{"killing coordinator", "killing server", "killing worker", "adding a worker",
                                         "adding a server", "stopping server for 1.0s", "stopping worker for 1.0s",
                                         "taking server away", "taking worker away"}));
  view.names = {"coordinator", "server-7", "worker-7"};
  bool added = false;
  for (int i = 0; i < 100; ++i) {
    ++view.step;
    const ChaosPlan::Act act = *plan.Next(view);
    EXPECT_NE(act.kind, Kind::kRemove) << act.who << " is the last";
    added = added || (act.kind == Kind::kAdd && act.who == "server");
  }
  EXPECT_TRUE(added);
}

// A server that drains gives its chunks away, which takes a while.
TEST(ChaosPlanTest, WhoIsTakenAwayIsCountedNoMore) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    ChaosPlan plan({.seed = seed, .least_servers = 2, .replicas = true});
    ChaosPlan::View view = kView;
    view.names.push_back("server-2");
    std::string removed;
    for (int i = 0; i < 200; ++i) {
      ++view.step;
      const ChaosPlan::Act act = *plan.Next(view);
      EXPECT_NE(act.who, removed) << Describe(act);
      if (act.kind != Kind::kRemove || !act.who.starts_with("server-")) continue;
      EXPECT_EQ(removed, "") << Describe(act) << " leaves one server";
      removed = act.who;
    }
    EXPECT_NE(removed, "");
  }
}

TEST(ChaosPlanTest, TheJobIsLeftAChance) {
  ChaosPlan::View view = kView;
  view.running = false;
  EXPECT_FALSE(ChaosPlan({}).Next(view).has_value());
  const auto hits = [](ChaosPlan& plan, const ChaosPlan::View& at) {
    int servers = 0;
    for (int i = 0; i < 200; ++i) servers += plan.Next(at)->who.starts_with("server-") ? 1 : 0;
    return servers;
  };
  ChaosPlan with({.replicas = true});
  EXPECT_EQ(hits(with, kView), 1) << "until the job is past what it had done";
  view = kView;
  view.step = 11;
  EXPECT_EQ(hits(with, view), 1);
  ChaosPlan without({.replicas = false});
  EXPECT_EQ(hits(without, kView), 1);
  EXPECT_EQ(hits(without, view), 0) << "it would begin at the same checkpoint again";
  view.checkpoint = 11;
  EXPECT_EQ(hits(without, view), 1);
}

TEST(ChaosPlanTest, PausesAreAroundTheirMean) {
  ChaosPlan plan({.every = absl::Seconds(2)});
  absl::Duration sum;
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration pause = plan.Pause();
    EXPECT_GE(pause, absl::Seconds(1));
    EXPECT_LE(pause, absl::Seconds(3));
    sum += pause;
  }
  EXPECT_NEAR(absl::ToDoubleSeconds(sum), 2000, 60);
}

}  // namespace
}  // namespace banyan::cli
