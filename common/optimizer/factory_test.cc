#include "common/optimizer/factory.h"

#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

v1::Optimizer Parse(const std::string& text) {
  v1::Optimizer optimizer;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &optimizer)) << text;
  return optimizer;
}

v1::Schedule ParseSchedule(const std::string& text) {
  v1::Schedule schedule;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &schedule)) << text;
  return schedule;
}

// The weight after a first update of `rule` with gradient 1, from weight 2 and empty slots, at learning rate 0.1; then
// a second one.
std::vector<double> TwoUpdates(const UpdateRule& rule) {
  std::vector<double> weight = {2};
  std::vector<std::vector<double>> slots(rule.SlotNames().size(), {0});
  std::vector<double*> slot_data;
  for (auto& slot : slots) slot_data.push_back(slot.data());
  std::vector<double> weights;
  for (const uint64_t update : {1, 2}) {
    std::vector<double> accumulator = {1};
    rule.Apply(CpuLevel::kSse2, {.learning_rate = 0.1, .update = update},
               UpdateSegment<double>{
                   .tensor = "w", .weights = weight, .accumulator = accumulator, .slots = slot_data});
    weight = accumulator;
    weights.push_back(weight[0]);
  }
  return weights;
}

TEST(MakeOptimizerTest, FieldsReachTheRule) {
  const auto same = [](const std::string& left, const std::string& right) {
    return TwoUpdates(*MakeOptimizer(Parse(left))->rule) == TwoUpdates(*MakeOptimizer(Parse(right))->rule);
  };
  EXPECT_FALSE(same("sgd {}", "sgd { weight_decay: 0.5 }"));
  EXPECT_FALSE(same("momentum {}", "momentum { momentum: 0.5 }"));
  EXPECT_FALSE(same("momentum {}", "momentum { nesterov: true }"));
  EXPECT_FALSE(same("momentum {}", "momentum { weight_decay: 0.5 }"));
  EXPECT_FALSE(same("adam {}", "adam { epsilon: 1 }"));
  EXPECT_FALSE(same("adam {}", "adam { weight_decay: 0.5 }"));
  EXPECT_FALSE(same("adamw {}", "adamw { weight_decay: 0.5 }"));
  EXPECT_FALSE(same("adamw { weight_decay: 0.5 }", "adam { weight_decay: 0.5 }"));
}

TEST(MakeOptimizerTest, AbsentFieldsTakeTheSchemasDefaults) {
  const auto expect_same = [](const std::string& left, const std::string& right) {
    EXPECT_EQ(TwoUpdates(*MakeOptimizer(Parse(left))->rule), TwoUpdates(*MakeOptimizer(Parse(right))->rule)) << left;
  };
  expect_same("sgd {}", "sgd { weight_decay: 0 }");
  expect_same("momentum {}", "momentum { momentum: 0.9 nesterov: false weight_decay: 0 }");
  expect_same("adam {}", "adam { betas: [0.9, 0.999] epsilon: 1e-8 weight_decay: 0 }");
  expect_same("adamw {}", "adamw { betas: [0.9, 0.999] epsilon: 1e-8 weight_decay: 0.01 }");
  // Given and zero is not absent.
  EXPECT_NE(TwoUpdates(*MakeOptimizer(Parse("adamw {}"))->rule),
            TwoUpdates(*MakeOptimizer(Parse("adamw { weight_decay: 0 }"))->rule));
}

TEST(MakeOptimizerTest, PlanHasRateClipAndDecay) {
  const auto plan = MakeOptimizer(Parse("adamw { learning_rate: 4e-3 no_decay: ['bias', 'wp*'] } clip_norm: 1.5"));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->learning_rate, 4e-3);
  EXPECT_EQ(plan->clip_norm, 1.5);
  EXPECT_FALSE(plan->decay.Decays("x", "bias"));
  EXPECT_FALSE(plan->decay.Decays("wpe.weight", ""));
  EXPECT_TRUE(plan->decay.Decays("x", ""));
  EXPECT_EQ(MakeOptimizer(Parse("sgd {}"))->clip_norm, 0);
}

TEST(MakeOptimizerTest, SlotsAreNamedAsInPyTorch) {
  const auto names = [](const std::string& text) {
    const auto plan = MakeOptimizer(Parse(text));
    return std::vector<std::string_view>(plan->rule->SlotNames().begin(), plan->rule->SlotNames().end());
  };
  EXPECT_EQ(names("sgd {}"), std::vector<std::string_view>());
  EXPECT_EQ(names("momentum {}"), std::vector<std::string_view>({"momentum_buffer"}));
  EXPECT_EQ(names("adam {}"), std::vector<std::string_view>({"exp_avg", "exp_avg_sq"}));
  EXPECT_EQ(names("adamw {}"), std::vector<std::string_view>({"exp_avg", "exp_avg_sq"}));
}

TEST(MakeOptimizerTest, RefusesWhatNoRuleCanDo) {
  EXPECT_EQ(MakeOptimizer(v1::Optimizer()).status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* betas : {"[0.9]", "[0.9, 1]", "[-0.1, 0.9]", "[0.9, 0.9, 0.9]", "[0.9, nan]"}) {
    EXPECT_EQ(MakeOptimizer(Parse(std::string("adam { betas: ") + betas + " }")).status().code(),
              absl::StatusCode::kInvalidArgument)
        << betas;
  }
}

TEST(MakeScheduleTest, ReadsEveryShape) {
  const Schedule cosine = MakeSchedule(ParseSchedule("cosine { warmup_steps: 50 final: 0.25 }"), 2400);
  EXPECT_EQ(cosine.shape, Schedule::Shape::kCosine);
  EXPECT_EQ(cosine.Factor(25), 0.5);
  EXPECT_EQ(cosine.Factor(2400), 0.25);

  const Schedule linear = MakeSchedule(ParseSchedule("linear {}"), 10);
  EXPECT_EQ(linear.Factor(5), 0.5);
  EXPECT_EQ(linear.Factor(10), 0);

  EXPECT_EQ(MakeSchedule(ParseSchedule("constant { warmup_steps: 2 }"), 10).Factor(1), 0.5);
  EXPECT_EQ(MakeSchedule(v1::Schedule(), 10).Factor(10), 1);
}

}  // namespace
}  // namespace banyan
