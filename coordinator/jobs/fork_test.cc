#include "coordinator/jobs/fork.h"

#include "coordinator/jobs/job_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using testing::HasSubstr;

class ForkTest : public testing::Test {
 protected:
  ForkTest() {
    parent_.id = "j1";
    parent_.job = MakeJob();
    parent_.data = kData;
    parent_.device_kind = kDeviceKind;
  }

  // The parent's job as `text` changes it.
  absl::StatusOr<JobRecord> Fork(const std::string& text, Step step = 4) const {
    v1::Job job = parent_.job;
    v1::Job change;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &change)) << text;
    // A oneof of the change takes the place of the job's.
    if (change.recipe().has_model()) job.mutable_recipe()->clear_model();
    if (change.recipe().has_optimizer()) job.mutable_recipe()->clear_optimizer();
    job.MergeFrom(change);
    return MakeFork(parent_, {.step = step, .job = config::WithDefaults(job), .source = {.step = 3, .directory = "d"}});
  }
  std::string Refusal(const std::string& text, Step step = 4) const {
    const absl::Status status = Fork(text, step).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

  JobRecord parent_;
};

TEST_F(ForkTest, WorksByTheParentsRecipeUntilItHasItsState) {
  absl::StatusOr<JobRecord> fork = Fork("recipe { optimizer { sgd { learning_rate: 2 } } } run { servers { count: 1 } }");
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_TRUE(Replays(*fork));
  EXPECT_EQ(fork->device_kind, kDeviceKind);
  const v1::Job replay = PresentJob(*fork);
  EXPECT_EQ(replay.recipe().optimizer().sgd().learning_rate(), 0.5);
  EXPECT_EQ(replay.run().servers().count(), 1);
  EXPECT_FALSE(replay.run().has_evaluate());
  EXPECT_FALSE(replay.run().checkpoint().has_every());
  fork->fork->origin = {.step = 4, .directory = "mine"};
  EXPECT_FALSE(Replays(*fork));
  EXPECT_EQ(PresentJob(*fork).recipe().optimizer().sgd().learning_rate(), 2);
  EXPECT_TRUE(PresentJob(*fork).run().has_evaluate());
}

TEST_F(ForkTest, RefusesWhatDoesNotFitTheParentsState) {
  EXPECT_THAT(Refusal("recipe { model { linear { outputs: 1 bias: false } } }"),
              HasSubstr("recipe.model: has no parameter 'linear.bias', job j1 has"));
  EXPECT_THAT(Refusal("recipe { optimizer { adam { learning_rate: 1 } } }"),
              HasSubstr("recipe.optimizer: keeps [exp_avg, exp_avg_sq] for each parameter, that of job j1 []"));
  EXPECT_THAT(Refusal("recipe { batch { samples: 8 } }"), HasSubstr("recipe.batch.samples: 8, job j1 has 16"));
  EXPECT_THAT(Refusal("recipe { model { init_from: 'data:w' linear { outputs: 1 bias: true } } }"),
              HasSubstr("recipe.model.init_from: 'data:w', job j1 has ''; a fork begins with its parent's state"));
  EXPECT_THAT(Refusal("recipe { until { steps: 4 } }"), HasSubstr("recipe.until: is step 4, and the fork begins after"));
  parent_.job.mutable_recipe()->mutable_model()->Clear();
  google::protobuf::TextFormat::ParseFromString("layers { layer { linear { units: 1 } } layer { mean_squared_error {} } }",
                                                parent_.job.mutable_recipe()->mutable_model());
  parent_.job = config::WithDefaults(parent_.job);
  EXPECT_THAT(Refusal("recipe { model { layers { layer { name: 'linear0' linear { units: 3 } } layer { linear { units: 1 } }"
                      " layer { mean_squared_error {} } } } }"),
              HasSubstr("has shape [3"));
}

TEST_F(ForkTest, WhatMakesNoShapesMayChange) {
  EXPECT_TRUE(Fork("recipe { seed: 9 until { steps: 100 } batch { leaf: 4 micro: 1 } schedule { constant {} } }").ok());
}

TEST_F(ForkTest, OnlyStepsThatThereAre) {
  EXPECT_TRUE(CheckForkStep(parent_, 4, 4).ok());
  EXPECT_THAT(CheckForkStep(parent_, 4, 5).message(), HasSubstr("has come to step 4, there is no state after step 5"));
  EXPECT_THAT(CheckForkStep(parent_, 4, 0).message(), HasSubstr("submit its job file"));
  JobRecord fork = *Fork("", 4);
  fork.id = "j2";
  EXPECT_THAT(CheckForkStep(fork, 4, 4).message(), HasSubstr("still computes the steps of its parent, j1"));
  fork.fork->origin = {.step = 4, .directory = "mine"};
  EXPECT_TRUE(CheckForkStep(fork, 4, 4).ok());
  EXPECT_THAT(CheckForkStep(fork, 4, 3).message(), HasSubstr("fork job j1"));
}

}  // namespace
}  // namespace banyan::coordinator
