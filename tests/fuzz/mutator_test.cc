#include "tests/fuzz/mutator.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::fuzz {
namespace {

const std::vector<std::string> kInputs = {"recipe: {steps: 5}", "run: {workers: 3}", ""};

TEST(MutatorTest, TheSameSeedGivesTheSameInputs) {
  Mutator one(7, 100), same(7, 100), other(8, 100);
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string input = one.Next(kInputs);
    EXPECT_EQ(same.Next(kInputs), input);
    if (other.Next(kInputs) != input) ++different;
  }
  EXPECT_GT(different, 150);
}

TEST(MutatorTest, MakesManyInputsOfAllLengthsUpToItsLimit) {
  Mutator mutator(1, 20);
  std::set<std::string> made;
  std::set<size_t> lengths;
  for (int i = 0; i < 3000; ++i) {
    const std::string input = mutator.Next(kInputs);
    EXPECT_LE(input.size(), 20u);
    made.insert(input);
    lengths.insert(input.size());
  }
  EXPECT_GT(made.size(), 2500u);
  EXPECT_GT(lengths.size(), 18u);
}

TEST(MutatorTest, MakesSomethingOfNothing) {
  Mutator mutator(1, 20);
  int made = 0;
  for (int i = 0; i < 100; ++i) made += !mutator.Next({""}).empty();
  EXPECT_GT(made, 80);
}

}  // namespace
}  // namespace banyan::fuzz
