#include "common/job/job_plan.h"

#include "common/base/check.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

const DataFacts kFacts{.hash = "abc", .samples = 1000, .held_out_samples = 100, .vocabulary = 256};

// DESIGN.md's job, its defaults filled in, smaller.
v1::Job Job() {
  v1::Job job;
  CHECK(google::protobuf::TextFormat::ParseFromString(R"(
    recipe {
      seed: 1
      model { gpt { layers: 2 heads: 2 width: 32 context: 16 dropout: 0 } }
      batch { samples: 16 leaf: 5 }
      until { steps: 10 }
      optimizer { adamw { learning_rate: 4e-3 weight_decay: 0.1 no_decay: "bias" no_decay: "norm" } clip_norm: 1 }
    }
    run {
      servers { chunk_bytes: 16384 }
      evaluate { every { steps: 4 } samples { count: 30 } at_end { all: true } }
      checkpoint { every { steps: 3 } }
    })", &job));
  return job;
}

JobPlan Make(const v1::Job& job, const DataFacts& facts = kFacts) {
  absl::StatusOr<JobPlan> plan = JobPlan::Make(job, facts, "cpu");
  CHECK(plan.ok());
  return *std::move(plan);
}

std::string Error(const v1::Job& job, const DataFacts& facts = kFacts) {
  return std::string(JobPlan::Make(job, facts, "cpu").status().message());
}

TEST(JobPlanTest, HasWhatRolesAgreeOn) {
  const JobPlan plan = Make(Job());
  EXPECT_EQ(plan.seed, 1u);
  EXPECT_EQ(plan.data_hash, "abc");
  EXPECT_EQ(plan.device_kind, "cpu");
  EXPECT_EQ(plan.leaves, 4u);  // 5 + 5 + 5 + 1
  EXPECT_EQ(plan.leaf_samples, 5u);
  EXPECT_EQ(plan.micro_samples, 5u);
  EXPECT_EQ(plan.last_step, 10u);
  EXPECT_EQ(plan.last_protocol_step(), 11u);
  EXPECT_TRUE(plan.decays[plan.graph.FindParameter("wte.weight")->value()]);
  EXPECT_FALSE(plan.decays[plan.graph.FindParameter("h.1.ln_2.weight")->value()]);
  EXPECT_GT(plan.layout.chunk_count(), 4u);
}

TEST(JobPlanTest, EvaluationIsDueAStepAfterItsWeights) {
  const EvaluationPlan evaluation = Make(Job()).evaluation.value();
  std::vector<uint64_t> due;
  for (uint64_t step = 0; step < 20; ++step) {
    if (evaluation.DueIn(step)) due.push_back(step);
  }
  EXPECT_EQ(due, std::vector<uint64_t>({5, 9, 11}));
  EXPECT_EQ(evaluation.NextDueIn(0), 5u);
  EXPECT_EQ(evaluation.NextDueIn(5), 5u);
  EXPECT_EQ(evaluation.NextDueIn(6), 9u);
  EXPECT_EQ(evaluation.NextDueIn(10), 11u);
  EXPECT_EQ(evaluation.NextDueIn(11), 11u);
  EXPECT_EQ(evaluation.NextDueIn(12), std::nullopt);
}

TEST(JobPlanTest, EvaluationUsesMoreSamplesAtTheEnd) {
  const EvaluationPlan evaluation = Make(Job()).evaluation.value();
  EXPECT_EQ(evaluation.SamplesIn(5), 30u);
  EXPECT_EQ(evaluation.SamplesIn(9), 30u);
  EXPECT_EQ(evaluation.SamplesIn(11), 100u);
}

TEST(JobPlanTest, EvaluationWithoutIntervalIsAtTheEnd) {
  v1::Job job = Job();
  job.mutable_run()->mutable_evaluate()->clear_every();
  job.mutable_run()->mutable_evaluate()->clear_at_end();
  const EvaluationPlan evaluation = Make(job).evaluation.value();
  EXPECT_EQ(evaluation.NextDueIn(1), 11u);
  EXPECT_EQ(evaluation.samples_at_end, 30u);
  job.mutable_run()->clear_evaluate();
  EXPECT_EQ(Make(job).evaluation.has_value(), false);
  EXPECT_EQ(Make(job).last_protocol_step(), 10u);
}

TEST(JobPlanTest, CheckpointsAreMultiplesAndTheEnd) {
  const DueSteps checkpoints = Make(Job()).checkpoints;
  EXPECT_TRUE(checkpoints.Due(3));
  EXPECT_TRUE(checkpoints.Due(10));
  EXPECT_FALSE(checkpoints.Due(8));
}

TEST(JobPlanTest, UntilGivesTheLastStep) {
  v1::Job job = Job();
  v1::Until* until = job.mutable_recipe()->mutable_until();
  until->set_samples(17);
  EXPECT_EQ(Make(job).last_step, 2u);
  until->set_samples(1);
  EXPECT_EQ(Make(job).last_step, 1u);
  until->set_epochs(2);
  EXPECT_EQ(Make(job).last_step, 125u);
  until->set_epochs(1.5);
  EXPECT_EQ(Make(job).last_step, 94u);  // 93.75
  until->set_steps(7);
  EXPECT_EQ(Make(job).last_step, 7u);
}

TEST(JobPlanTest, Refusals) {
  v1::Job job = Job();
  job.mutable_recipe()->mutable_batch()->set_leaf(17);
  EXPECT_EQ(Error(job), "recipe.batch.leaf: 17, expected at most the batch's samples, 16");
  job = Job();
  job.mutable_recipe()->mutable_batch()->set_micro(6);
  EXPECT_EQ(Error(job), "recipe.batch.micro: 6, expected at most a leaf's samples, 5");
  job = Job();
  job.mutable_recipe()->mutable_batch()->set_samples(1 << 24);
  EXPECT_EQ(Error(job),
            "recipe.batch.leaf: 5 gives 3355444 leaves a step, expected at most 1048576; use larger leaves");
  job = Job();
  job.mutable_recipe()->mutable_until()->set_epochs(1e15);
  EXPECT_EQ(Error(job), "recipe.until: training would take more steps than allowed, expected 1 to 1000000000000");
  job.mutable_recipe()->clear_until();
  EXPECT_EQ(Error(job), "recipe.until: absent, expected one of steps, epochs, samples");
  job = Job();
  job.mutable_recipe()->clear_optimizer();
  EXPECT_EQ(Error(job), "recipe.optimizer: absent, expected one of sgd, momentum, adam, adamw");
  job = Job();
  job.mutable_recipe()->mutable_optimizer()->mutable_adamw()->add_no_decay("wpe.wieght");
  EXPECT_EQ(Error(job),
            "recipe.optimizer.adamw.no_decay[2]: 'wpe.wieght' is no role (bias, norm, embedding) and matches no "
            "parameter, such as 'wte.weight'");
  job = Job();
  job.mutable_run()->mutable_servers()->set_chunk_bytes(100000);
  EXPECT_EQ(Error(job), "run.servers.chunk_bytes: 100000, expected 16384 times a power of two, at most 4194304");
}

TEST(JobPlanTest, RefusesDataThatDoesNotFit) {
  DataFacts facts = kFacts;
  facts.held_out_samples = 20;
  EXPECT_EQ(Error(Job(), facts), "run.evaluate.samples: 30, the data has 20 held-out samples");
  v1::Job job = Job();
  job.mutable_run()->mutable_evaluate()->mutable_at_end()->set_count(101);
  EXPECT_EQ(Error(job), "run.evaluate.at_end: 101, the data has 100 held-out samples");
  facts.held_out_samples = 0;
  EXPECT_EQ(Error(Job(), facts),
            "run.evaluate: the data has no held-out samples; set held_out of recipe.data higher, or leave evaluate "
            "out");
  facts.samples = 0;
  EXPECT_EQ(Error(Job(), facts), "recipe.data: no training samples, expected at least one");
  facts = kFacts;
  facts.vocabulary = 0;
  facts.features = 3;
  facts.targets = 1;
  EXPECT_EQ(Error(Job(), facts), "recipe.model.gpt: gpt reads text, the data has none; use recipe.data.text");
}

}  // namespace
}  // namespace banyan
