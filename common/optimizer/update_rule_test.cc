// What every rule promises: the written formula, element by element, with the same bits at every level and for every
// way of cutting a tensor; skipped steps; fingerprints; finiteness.
#include "common/optimizer/update_rule.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/fingerprint/state_fingerprint.h"
#include "common/optimizer/adam.h"
#include "common/optimizer/momentum.h"
#include "common/optimizer/sgd.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

// A tensor with its slots, as a server holds it.
template <typename T>
struct State {
  std::vector<T> weights, accumulator;
  std::vector<std::vector<T>> slots;

  // A segment over elements [begin, end); `slot_data` holds what the segment points to.
  UpdateSegment<T> Segment(size_t begin, size_t end, std::vector<T*>* slot_data) {
    slot_data->clear();
    for (auto& slot : slots) slot_data->push_back(slot.data() + begin);
    return {.tensor = "h.0.w",
            .first_block = begin / kBlockElements,
            .weights = std::span<const T>(weights).subspan(begin, end - begin),
            .accumulator = std::span<T>(accumulator).subspan(begin, end - begin),
            .slots = *slot_data};
  }
};

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <typename T>
bool SameBits(const State<T>& a, const State<T>& b) {
  bool same = SameBits(a.accumulator, b.accumulator);
  for (size_t i = 0; i < a.slots.size(); ++i) same = same && SameBits(a.slots[i], b.slots[i]);
  return same;
}

// Normal numbers over many magnitudes, denormals and both zeros; infinities if asked for. Slots are not negative.
template <typename T>
State<T> RandomState(size_t n, size_t slots, bool infinities = false) {
  std::mt19937_64 random(n);
  std::normal_distribution<double> normal;
  const auto value = [&]() -> T {
    const T x = static_cast<T>(normal(random) * std::ldexp(1.0, static_cast<int>(random() % 30) - 20));
    switch (random() % 16) {
      case 0:
        return std::copysign(T{0}, x);
      case 1:
        return x * 100 * std::numeric_limits<T>::denorm_min();
      case 2:
        return x * std::numeric_limits<T>::min();
      case 3:
        return infinities ? std::copysign(std::numeric_limits<T>::infinity(), x) : x;
      default:
        return x;
    }
  };
  State<T> state{std::vector<T>(n), std::vector<T>(n), std::vector<std::vector<T>>(slots, std::vector<T>(n))};
  for (T& x : state.weights) x = value();
  for (T& x : state.accumulator) x = value();
  for (auto& slot : state.slots) {
    for (T& x : slot) x = std::abs(value());
  }
  return state;
}

struct Rule {
  std::string name;
  std::unique_ptr<const UpdateRule> rule;
};

std::vector<Rule> AllRules() {
  std::vector<Rule> rules;
  rules.push_back({"sgd", MakeSgd({.weight_decay = 0.1})});
  rules.push_back({"momentum", MakeMomentum({.momentum = 0.9, .weight_decay = 0.1})});
  rules.push_back({"nesterov", MakeMomentum({.momentum = 0.9, .nesterov = true, .weight_decay = 0.1})});
  rules.push_back({"adam", MakeAdam({.weight_decay = 0.1})});
  rules.push_back({"adamw", MakeAdamW({.weight_decay = 0.1})});
  return rules;
}

constexpr UpdateStep kStep{.learning_rate = 0.01, .gradient_factor = 1.0 / 48, .update = 3};
constexpr size_t kLengths[] = {1, 3, 15, 16, 17, 255, 4095, 4096, 4097, 3 * 4096 + 77};

template <typename T>
class UpdateRuleTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(UpdateRuleTest, Types);

// One element at a time through the lowest level is scalar arithmetic: no vector, no tail.
TYPED_TEST(UpdateRuleTest, EveryLevelGivesTheBitsOfOneElementAtATime) {
  using T = TypeParam;
  for (const auto& [name, rule] : AllRules()) {
    for (const size_t n : kLengths) {
      const State<T> start = RandomState<T>(n, rule->SlotNames().size());
      std::vector<T*> slot_data;
      State<T> expected = start;
      for (size_t i = 0; i < n; ++i) rule->Apply(CpuLevel::kSse2, kStep, expected.Segment(i, i + 1, &slot_data));
      for (const CpuLevel level : SupportedCpuLevels()) {
        State<T> state = start;
        EXPECT_TRUE(rule->Apply(level, kStep, state.Segment(0, n, &slot_data)).finite);
        EXPECT_TRUE(SameBits(state, expected)) << name << " " << CpuLevelName(level) << " n=" << n;
        EXPECT_TRUE(SameBits(state.weights, start.weights)) << "the old weights stay";
      }
    }
  }
}

TYPED_TEST(UpdateRuleTest, LevelsAgreeOnInfinitiesToo) {
  using T = TypeParam;
  for (const auto& [name, rule] : AllRules()) {
    const State<T> start = RandomState<T>(1001, rule->SlotNames().size(), true);
    std::vector<T*> slot_data;
    State<T> expected = start;
    rule->Apply(CpuLevel::kSse2, kStep, expected.Segment(0, 1001, &slot_data));
    for (const CpuLevel level : SupportedCpuLevels()) {
      State<T> state = start;
      EXPECT_FALSE(rule->Apply(level, kStep, state.Segment(0, 1001, &slot_data)).finite);
      for (size_t i = 0; i < 1001; ++i) {
        const T got = state.accumulator[i], want = expected.accumulator[i];
        EXPECT_TRUE(got == want || (std::isnan(got) && std::isnan(want))) << name << " i=" << i;
      }
    }
  }
}

TYPED_TEST(UpdateRuleTest, CuttingATensorChangesNothing) {
  using T = TypeParam;
  const size_t n = 5 * kBlockElements + 100;
  for (const auto& [name, rule] : AllRules()) {
    std::vector<T*> slot_data;
    State<T> whole = RandomState<T>(n, rule->SlotNames().size());
    State<T> cut = whole;
    const UpdateResult expected = rule->Apply(DetectCpuLevel(), kStep, whole.Segment(0, n, &slot_data));
    uint64_t fingerprint = 0;
    for (size_t begin = 0; begin < n; begin += 2 * kBlockElements) {
      const size_t end = std::min(n, begin + 2 * kBlockElements);
      fingerprint += rule->Apply(DetectCpuLevel(), kStep, cut.Segment(begin, end, &slot_data)).fingerprint;
    }
    EXPECT_TRUE(SameBits(whole, cut)) << name;
    EXPECT_EQ(fingerprint, expected.fingerprint) << name;
  }
}

TYPED_TEST(UpdateRuleTest, FingerprintIsThatOfTheNewState) {
  using T = TypeParam;
  const size_t n = 2 * kBlockElements + 9;
  for (const auto& [name, rule] : AllRules()) {
    std::vector<T*> slot_data;
    State<T> state = RandomState<T>(n, rule->SlotNames().size());
    const UpdateResult result = rule->Apply(DetectCpuLevel(), kStep, state.Segment(0, n, &slot_data));
    EXPECT_EQ(result.fingerprint,
              SegmentFingerprint("h.0.w", 0, std::span<const T>(state.accumulator), std::span<T* const>(slot_data)))
        << name;
  }
}

TYPED_TEST(UpdateRuleTest, SkippedStepLeavesTheStateAndItsFingerprint) {
  using T = TypeParam;
  const size_t n = kBlockElements + 33;
  UpdateStep skipped = kStep;
  skipped.skip = true;
  for (const auto& [name, rule] : AllRules()) {
    const State<T> start = RandomState<T>(n, rule->SlotNames().size());
    State<T> state = start;
    state.accumulator[5] = std::numeric_limits<T>::quiet_NaN();
    std::vector<T*> slot_data;
    const UpdateResult result = rule->Apply(DetectCpuLevel(), skipped, state.Segment(0, n, &slot_data));
    EXPECT_TRUE(result.finite);
    EXPECT_TRUE(SameBits(state.accumulator, start.weights)) << name;
    for (size_t slot = 0; slot < state.slots.size(); ++slot) {
      EXPECT_TRUE(SameBits(state.slots[slot], start.slots[slot])) << name;
    }
    EXPECT_EQ(result.fingerprint,
              SegmentFingerprint("h.0.w", 0, std::span<const T>(start.weights), std::span<T* const>(slot_data)));
  }
}

TYPED_TEST(UpdateRuleTest, OneBadGradientIsSeenWhereverItStands) {
  using T = TypeParam;
  for (const auto& [name, rule] : AllRules()) {
    for (const T bad : {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                        std::numeric_limits<T>::quiet_NaN()}) {
      for (const size_t i : {size_t{0}, size_t{31}, kBlockElements + 40}) {
        State<T> state = RandomState<T>(kBlockElements + 41, rule->SlotNames().size());
        state.accumulator[i] = bad;
        std::vector<T*> slot_data;
        const auto segment = state.Segment(0, kBlockElements + 41, &slot_data);
        EXPECT_FALSE(rule->Apply(DetectCpuLevel(), kStep, segment).finite) << name << " i=" << i;
      }
    }
  }
}

TYPED_TEST(UpdateRuleTest, UndecayedTensorIsUpdatedAsByARuleWithoutDecay) {
  using T = TypeParam;
  const auto expect_same = [](const UpdateRule& with, const UpdateRule& without) {
    State<T> a = RandomState<T>(100, with.SlotNames().size());
    State<T> b = a, decayed = a;
    std::vector<T*> slot_data;
    UpdateSegment<T> segment = a.Segment(0, 100, &slot_data);
    segment.decay = false;
    with.Apply(DetectCpuLevel(), kStep, segment);
    without.Apply(DetectCpuLevel(), kStep, b.Segment(0, 100, &slot_data));
    with.Apply(DetectCpuLevel(), kStep, decayed.Segment(0, 100, &slot_data));
    EXPECT_TRUE(SameBits(a, b));
    EXPECT_FALSE(SameBits(a, decayed));
  };
  expect_same(*MakeSgd({.weight_decay = 0.5}), *MakeSgd({}));
  expect_same(*MakeMomentum({.weight_decay = 0.5}), *MakeMomentum({}));
  expect_same(*MakeAdam({.weight_decay = 0.5}), *MakeAdam({}));
  expect_same(*MakeAdamW({.weight_decay = 0.5}), *MakeAdamW({}));
}

}  // namespace
}  // namespace banyan
