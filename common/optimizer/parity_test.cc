// Rules against what is written on paper, and against torch.optim on recorded gradients (tests/parity/
// optimizer_golden.py made the file).
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/cpu/cpu_level.h"
#include "common/optimizer/adam.h"
#include "common/optimizer/momentum.h"
#include "common/optimizer/sgd.h"
#include "common/optimizer/update_rule.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

// One weight and its slots through one update.
double UpdateOne(const UpdateRule& rule, const UpdateStep& step, double weight, double gradient_sum,
                 std::vector<double>* slots) {
  std::vector<double*> slot_data;
  for (double& slot : *slots) slot_data.push_back(&slot);
  const std::vector<double> weights = {weight};
  std::vector<double> accumulator = {gradient_sum};
  rule.Apply(CpuLevel::kSse2, step,
             UpdateSegment<double>{
                 .tensor = "w", .weights = weights, .accumulator = accumulator, .slots = slot_data});
  return accumulator[0];
}

TEST(SgdTest, ClosedForm) {
  std::vector<double> none;
  // Gradient sum 8 over 4 samples: mean 2, plus 0.5 * 3.
  EXPECT_DOUBLE_EQ(UpdateOne(*MakeSgd({.weight_decay = 0.5}), {.learning_rate = 0.1, .gradient_factor = 0.25}, 3, 8,
                             &none),
                   3 - 0.1 * 3.5);
}

TEST(MomentumTest, VelocityOfAConstantGradientIsAGeometricSum) {
  const auto rule = MakeMomentum({.momentum = 0.5});
  std::vector<double> velocity = {0};
  double weight = 0;
  for (int step = 1; step <= 10; ++step) weight = UpdateOne(*rule, {.learning_rate = 1}, weight, 1, &velocity);
  EXPECT_DOUBLE_EQ(velocity[0], 2 - std::pow(0.5, 9));
  EXPECT_DOUBLE_EQ(weight, -(2 * 10 - 2 * (1 - std::pow(0.5, 10))));
}

TEST(MomentumTest, NesterovLooksAhead) {
  std::vector<double> velocity = {4};
  // v = 0.5 * 4 + 1 = 3; direction 1 + 0.5 * 3.
  EXPECT_DOUBLE_EQ(
      UpdateOne(*MakeMomentum({.momentum = 0.5, .nesterov = true}), {.learning_rate = 0.1}, 1, 1, &velocity),
      1 - 0.1 * 2.5);
}

TEST(AdamTest, ConstantGradientMovesTheWeightByTheLearningRateEachStep) {
  // Bias correction makes m = g and v = g^2 exactly, whatever the step: each moves w by lr against g's sign.
  for (const double gradient : {1e-3, -5.0, 1e4}) {
    const auto rule = MakeAdam({.epsilon = 0});
    std::vector<double> slots = {0, 0};
    double weight = 1;
    for (uint64_t update = 1; update <= 100; ++update) {
      weight = UpdateOne(*rule, {.learning_rate = 0.01, .update = update}, weight, gradient, &slots);
      EXPECT_NEAR(weight, 1 - std::copysign(0.01 * static_cast<double>(update), gradient), 1e-12);
    }
  }
}

TEST(AdamTest, EpsilonIsAddedAfterTheRootIsCorrected) {
  std::vector<double> slots = {0, 0};
  EXPECT_NEAR(UpdateOne(*MakeAdam({.epsilon = 3}), {.learning_rate = 1}, 0, 2, &slots), -2.0 / (2 + 3), 1e-15);
}

TEST(AdamTest, DecayGoesThroughTheMomentsAndAdamWsDoesNot) {
  std::vector<double> coupled = {0, 0}, decoupled = {0, 0};
  const AdamOptions options{.epsilon = 0, .weight_decay = 0.5};
  EXPECT_NEAR(UpdateOne(*MakeAdam(options), {.learning_rate = 0.1}, 4, 0, &coupled), 4 - 0.1, 1e-15);
  EXPECT_NEAR(coupled[0], 0.1 * 2, 1e-15);
  const AdamOptions with_epsilon{.weight_decay = 0.5};
  EXPECT_NEAR(UpdateOne(*MakeAdamW(with_epsilon), {.learning_rate = 0.1}, 4, 0, &decoupled), 4 * (1 - 0.05), 1e-15);
  EXPECT_EQ(decoupled[0], 0);
}

TEST(AdamTest, WithoutBeta1TheMeanIsTheLastGradient) {
  const auto rule = MakeAdam({.beta1 = 0});
  std::vector<double> slots = {1e10, 1e20};
  UpdateOne(*rule, {.learning_rate = 0.1}, 0, 1e-8, &slots);
  EXPECT_EQ(slots[0], 1e-8);
}

struct Case {
  std::string name, dtype, rule;
  std::map<std::string, double> options;
  std::vector<double> rates, start;
  std::vector<std::vector<double>> gradients;
  // Slots and "weights" after the last step.
  std::map<std::string, std::vector<double>> after;
};

std::vector<Case> ReadGolden() {
  std::ifstream file("common/optimizer/testdata/optimizer_golden.txt");
  EXPECT_TRUE(file.is_open());
  std::vector<Case> cases;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string key, word;
    line >> key;
    if (key == "case") {
      Case& made = cases.emplace_back();
      line >> made.name >> made.dtype >> made.rule;
      while (line >> word) {
        made.options[word.substr(0, word.find('='))] = std::strtod(word.c_str() + word.find('=') + 1, nullptr);
      }
      continue;
    }
    std::vector<double> values;
    while (line >> word) values.push_back(std::strtod(word.c_str(), nullptr));
    Case& current = cases.back();
    if (key == "rates") {
      current.rates = values;
    } else if (key == "start") {
      current.start = values;
    } else if (key == "gradient") {
      current.gradients.push_back(values);
    } else {
      current.after[key] = values;
    }
  }
  return cases;
}

std::unique_ptr<const UpdateRule> MakeRule(Case& golden) {
  auto& options = golden.options;
  if (golden.rule == "sgd") return MakeSgd({.weight_decay = options["weight_decay"]});
  if (golden.rule == "momentum") {
    return MakeMomentum({.momentum = options["momentum"],
                         .nesterov = options["nesterov"] != 0,
                         .weight_decay = options["weight_decay"]});
  }
  const AdamOptions adam{options["beta1"], options["beta2"], options["epsilon"], options["weight_decay"]};
  return golden.rule == "adam" ? MakeAdam(adam) : MakeAdamW(adam);
}

// Returns the largest error of an element.
template <typename T>
double ExpectClose(const std::vector<T>& got, const std::vector<double>& want, const std::string& what) {
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-13;
  EXPECT_EQ(got.size(), want.size()) << what;
  if (got.size() != want.size()) return HUGE_VAL;
  // Moments are sums of both signs: what cancels is measured by the tensor's typical element.
  double squares = 0;
  for (const double value : want) squares += value * value;
  const double typical = std::sqrt(squares / static_cast<double>(want.size()));
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - want[i]) / std::max(std::abs(want[i]), typical);
    EXPECT_LE(error, tolerance) << what << " i=" << i << " got " << got[i] << " want " << want[i];
    largest = std::max(largest, error);
  }
  return largest;
}

// Returns the largest error of an element of weights and slots.
template <typename T>
double Replay(Case& golden, CpuLevel level) {
  const auto rule = MakeRule(golden);
  std::vector<T> weights(golden.start.begin(), golden.start.end());
  std::vector<std::vector<T>> slots(rule->SlotNames().size(), std::vector<T>(weights.size()));
  std::vector<T*> slot_data;
  for (auto& slot : slots) slot_data.push_back(slot.data());
  // The sum of 4 samples' gradients stands in for the mean, as on a server; a power of two keeps it exact.
  for (size_t step = 0; step < golden.gradients.size(); ++step) {
    std::vector<T> accumulator;
    for (const double gradient : golden.gradients[step]) accumulator.push_back(static_cast<T>(4 * gradient));
    rule->Apply(level,
                {.learning_rate = golden.rates[step], .gradient_factor = 0.25, .update = step + 1},
                UpdateSegment<T>{
                    .tensor = "w", .weights = weights, .accumulator = accumulator, .slots = slot_data});
    weights = accumulator;
  }
  double largest = ExpectClose(weights, golden.after.at("weights"), golden.name + " weights");
  for (size_t slot = 0; slot < slots.size(); ++slot) {
    const std::string name(rule->SlotNames()[slot]);
    largest = std::max(largest, ExpectClose(slots[slot], golden.after.at(name), golden.name + " " + name));
  }
  return largest;
}

TEST(OptimizerParityTest, TenStepsMatchPyTorch) {
  std::vector<Case> cases = ReadGolden();
  // Eleven in fp32 and fp64 each, and the sixteen parameters of a GPT.
  ASSERT_EQ(cases.size(), 38u);
  double largest = 0;  // in fp32
  for (Case& golden : cases) {
    ASSERT_EQ(golden.gradients.size(), 10u);
    for (const CpuLevel level : SupportedCpuLevels()) {
      SCOPED_TRACE(CpuLevelName(level));
      if (golden.dtype == "fp32") {
        largest = std::max(largest, Replay<float>(golden, level));
      } else {
        Replay<double>(golden, level);
      }
    }
  }
  RecordProperty("largest_error", absl::StrCat(largest));
}

}  // namespace
}  // namespace banyan
