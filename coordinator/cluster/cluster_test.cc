#include "coordinator/cluster/cluster.h"

#include "coordinator/jobs/job_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using enum JobState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ClusterTest : public testing::Test {
 protected:
  uint64_t Hear(Role role, const std::string& name, const std::string& kind = kDeviceKind, uint64_t incarnation = 1,
                bool draining = false) {
    return cluster_.Hear({.introduction = {.role = role, .name = name, .incarnation = Incarnation(incarnation),
                                           .device_kind = kind},
                          .draining = draining},
                         now_);
  }
  std::string Submit(const std::string& run, const std::string& name = "toy", const std::string& key = "") {
    v1::Job job = MakeJob(run);
    job.set_name(name);
    const absl::StatusOr<std::string> id = cluster_.Submit(job, {}, key, now_);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or("");
  }
  JobState StateOf(const std::string& id) const { return cluster_.Job(id)->record().state; }

  FakeEffects effects_;
  std::vector<std::string> stored_;
  JobMachine::Now now_ = {.monotonic = absl::ZeroDuration(), .wall = absl::UnixEpoch() + absl::Hours(1)};
  Cluster cluster_{{.jobs_directory = "/jobs",
                    .store_id = [this](Role, const std::string& name, uint64_t) { stored_.push_back(name); }},
                   effects_};
};

TEST_F(ClusterTest, IdsAreStoredOnce) {
  const uint64_t id = Hear(Role::kWorker, "a");
  EXPECT_EQ(Hear(Role::kWorker, "a"), id);
  EXPECT_EQ(Hear(Role::kWorker, "a", kDeviceKind, /*incarnation=*/2), id);
  EXPECT_THAT(stored_, ElementsAre("a"));
}

TEST_F(ClusterTest, TheOldestJobChoosesAndWorkersHaveOneJob) {
  const std::string first = Submit("servers { count: 1 } workers { min: 2 max: 2 }");
  const std::string second = Submit("servers { count: 1 } workers { min: 1 max: 1 }");
  const uint64_t server = Hear(Role::kServer, "s");
  // One worker is too few for the first: it keeps nobody from the second.
  const uint64_t a = Hear(Role::kWorker, "a");
  EXPECT_EQ(StateOf(first), kQueued);
  EXPECT_EQ(StateOf(second), kStarting);
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre(second));
  Hear(Role::kWorker, "b");
  EXPECT_EQ(StateOf(first), kQueued);
  Hear(Role::kWorker, "c");
  EXPECT_EQ(StateOf(first), kStarting);
  EXPECT_THAT(cluster_.JobsOf(Role::kServer, server), ElementsAre(first, second));
}

TEST_F(ClusterTest, WorkersOfAJobThatEndsGoToTheNext) {
  const std::string first = Submit("servers { count: 1 } workers { min: 1 }");
  const std::string second = Submit("servers { count: 1 } workers { min: 1 }");
  Hear(Role::kServer, "s");
  const uint64_t a = Hear(Role::kWorker, "a");
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre(first));
  ASSERT_TRUE(cluster_.Stop(first, /*at_once=*/true, now_).ok());
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre()) << "what it has of a job ends with this life of it";
  Hear(Role::kWorker, "a", kDeviceKind, /*incarnation=*/2);
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre(second));
  EXPECT_EQ(cluster_.OrdersFor(Role::kWorker, a).size(), 1);
}

TEST_F(ClusterTest, AWorkerThatWasSuspectedComesBackToItsJobAndNotToItsNextLife) {
  const std::string job = Submit("servers { count: 1 } workers { min: 1 }");
  Hear(Role::kServer, "s");
  const uint64_t a = Hear(Role::kWorker, "a");
  cluster_.Leave(Role::kWorker, a, Incarnation(1), now_);
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre());
  Hear(Role::kWorker, "a");
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre(job));
  ASSERT_TRUE(cluster_.Pause(job, now_).ok());
  ASSERT_TRUE(cluster_.Resume(job, nullptr, {}, now_).ok());
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre());
  Hear(Role::kWorker, "a", kDeviceKind, /*incarnation=*/2);
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre(job));
}

TEST_F(ClusterTest, AWorkerWhoseJobEndedBeforeItHeardOfItLeavesAllTheSame) {
  const std::string job = Submit("servers { count: 1 } workers { min: 1 }");
  Hear(Role::kServer, "s");
  const uint64_t a = Hear(Role::kWorker, "a");
  EXPECT_FALSE(cluster_.MayLeave(Role::kWorker, a));
  ASSERT_TRUE(cluster_.Stop(job, /*at_once=*/true, now_).ok());
  EXPECT_TRUE(cluster_.MayLeave(Role::kWorker, a));
  ASSERT_TRUE(cluster_.Resume(job, nullptr, {}, now_).ok());
  EXPECT_TRUE(cluster_.MayLeave(Role::kWorker, a)) << "it is for the life that was stopped";
  Hear(Role::kWorker, "a", kDeviceKind, /*incarnation=*/2);
  EXPECT_FALSE(cluster_.MayLeave(Role::kWorker, a));
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, a), ElementsAre(job));
}

TEST_F(ClusterTest, AJobHasTheBitsOfOneDeviceKind) {
  Hear(Role::kServer, "s");
  const uint64_t odd = Hear(Role::kWorker, "a", "cpu:old");
  Hear(Role::kWorker, "b");
  Hear(Role::kWorker, "c");
  const std::string job = Submit("servers { count: 1 } workers { min: 2 }");
  EXPECT_EQ(cluster_.Job(job)->record().device_kind, kDeviceKind);
  EXPECT_THAT(cluster_.JobsOf(Role::kWorker, odd), ElementsAre());
}

TEST_F(ClusterTest, ADrainingWorkerGivesItsLeavesAwayAndMayLeave) {
  const std::string job = Submit("servers { count: 1 } workers { min: 1 }");
  Hear(Role::kServer, "s");
  const uint64_t a = Hear(Role::kWorker, "a");
  EXPECT_FALSE(cluster_.MayLeave(Role::kWorker, a));
  Hear(Role::kWorker, "a", kDeviceKind, 1, /*draining=*/true);
  EXPECT_TRUE(cluster_.MayLeave(Role::kWorker, a));
  EXPECT_EQ(effects_.CountEvents("WORKER_LEFT"), 1);
  EXPECT_EQ(StateOf(job), kRecovering);
}

TEST_F(ClusterTest, ANewLifeOfAServerIsTheOldOnesDeath) {
  const std::string job = Submit("servers { count: 1 } workers { min: 1 }");
  const uint64_t server = Hear(Role::kServer, "s");
  Hear(Role::kWorker, "a");
  Hear(Role::kServer, "s", "", /*incarnation=*/2);
  EXPECT_EQ(effects_.CountEvents("SERVER_LOST"), 1);
  // The stream of the first life ends late.
  cluster_.Leave(Role::kServer, server, Incarnation(1), now_);
  EXPECT_TRUE(cluster_.members().Find(Role::kServer, server)->alive);
}

TEST_F(ClusterTest, AJobThatRecoversSaysWhatItLacks) {
  const std::string job = Submit("servers { count: 1 } workers { min: 1 }");
  const uint64_t server = Hear(Role::kServer, "s");
  const uint64_t worker = Hear(Role::kWorker, "a");
  EXPECT_EQ(StateOf(job), kStarting);
  EXPECT_THAT(cluster_.Job(job)->Reason(), Not(HasSubstr("needs")));
  cluster_.Leave(Role::kServer, server, Incarnation(1), now_);
  EXPECT_EQ(StateOf(job), kRecovering);
  EXPECT_THAT(cluster_.Job(job)->Reason(), HasSubstr("; needs 1 server (0 free)"));
  cluster_.Leave(Role::kWorker, worker, Incarnation(1), now_);
  Hear(Role::kServer, "s", "", /*incarnation=*/2);
  EXPECT_THAT(cluster_.Job(job)->Reason(), HasSubstr("; needs 1 worker (0 idle)"));
  Hear(Role::kWorker, "a", kDeviceKind, /*incarnation=*/2);
  EXPECT_EQ(StateOf(job), kStarting);
}

TEST_F(ClusterTest, ASilentWorkerIsLostWhenItsLeaseEnds) {
  Submit("servers { count: 1 } workers { min: 1 }");
  Hear(Role::kServer, "s");
  Hear(Role::kWorker, "a");
  now_.monotonic += absl::Seconds(3);
  cluster_.Tick(now_);
  EXPECT_EQ(effects_.CountEvents("WORKER_LOST"), 1);
  EXPECT_EQ(effects_.CountEvents("SERVER_LOST"), 0);
}

TEST_F(ClusterTest, NamesOfJobs) {
  EXPECT_THAT(std::string(cluster_.Find("@last").status().message()), HasSubstr("none was submitted"));
  const std::string first = Submit("");
  const std::string second = Submit("");
  const std::string third = Submit("", "other");
  EXPECT_EQ((*cluster_.Find("toy"))->record().id, second);
  EXPECT_EQ((*cluster_.Find(first))->record().id, first);
  EXPECT_EQ((*cluster_.Find("@last"))->record().id, third);
  EXPECT_EQ(cluster_.Find("none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ClusterTest, ARetryIsTheSameSubmission) {
  const std::string first = Submit("", "toy", "key");
  EXPECT_EQ(Submit("", "toy", "key"), first);
  EXPECT_NE(Submit("", "toy", "other"), first);
}

TEST_F(ClusterTest, RefusesALeafPlanThatDoesNotAddUp) {
  EXPECT_THAT(std::string(cluster_.Submit(MakeJob(), {5, 2}, "", now_).status().message()),
              HasSubstr("leaf plan adds up to 7 leaves"));
  EXPECT_THAT(std::string(cluster_.Submit(MakeJob("workers { max: 2 }"), {5, 2, 1}, "", now_).status().message()),
              HasSubstr("leaf plan is for 3 workers, run.workers.max is 2"));
  EXPECT_TRUE(cluster_.Jobs().empty());
}

TEST_F(ClusterTest, ScaledJobsTakeAndGiveWorkersWhichOthersUse) {
  Hear(Role::kServer, "s");
  for (const char* worker : {"a", "b", "c"}) Hear(Role::kWorker, worker);
  const std::string wide = Submit("servers { count: 1 } workers { min: 1 max: 3 }");
  const std::string narrow = Submit("servers { count: 1 } workers { min: 1 max: 1 }");
  EXPECT_EQ(StateOf(wide), kStarting);
  EXPECT_EQ(StateOf(narrow), kQueued);
  ASSERT_TRUE(cluster_.ScaleWorkers(wide, 0, 2, now_).ok());
  EXPECT_EQ(cluster_.Job(wide)->workers(), 2);
  Hear(Role::kWorker, "c", kDeviceKind, /*incarnation=*/2);  // a life of a worker is for one job
  EXPECT_EQ(StateOf(narrow), kStarting);
  ASSERT_TRUE(cluster_.ScaleWorkers(wide, 2, 0, now_).ok());
  EXPECT_EQ(cluster_.Job(wide)->record().job.run().workers().min(), 2);
  ASSERT_TRUE(cluster_.ScaleWorkers(wide, 0, 1, now_).ok()) << "a least above the most becomes the most";
  EXPECT_EQ(cluster_.Job(wide)->record().job.run().workers().min(), 1);
  EXPECT_EQ(StateOf(wide), kStarting);
  EXPECT_EQ(cluster_.ScaleWorkers(wide, 3, 2, now_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(cluster_.ScaleWorkers("j9", 3, 2, now_).code(), absl::StatusCode::kNotFound);
}

TEST_F(ClusterTest, ServersAreNotScaledBelowWhatItsCopiesTake) {
  const std::string job = Submit("servers { count: 3 replicas: 1 } workers { min: 1 }");
  const absl::Status refused = cluster_.ScaleServers(job, 1, now_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("which takes 2 servers, and count is 1"));
  EXPECT_EQ(cluster_.Job(job)->record().job.run().servers().count(), 3);
  ASSERT_TRUE(cluster_.ScaleServers(job, 2, now_).ok());
  ASSERT_TRUE(cluster_.ScaleWorkers(job, 1, 2, now_).ok()) << "one that was taken would have refused all to come";
}

}  // namespace
}  // namespace banyan::coordinator
