#include "coordinator/jobs/ledger_book.h"

#include <algorithm>
#include <random>

#include "coordinator/jobs/job_fixture.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

class LedgerBookTest : public testing::Test {
 protected:
  // All entries of a step, the evaluation's too where it is due.
  std::vector<Entry> Entries(Step step, Term term = 1) const {
    std::vector<Entry> entries;
    for (uint32_t chunk = 0; chunk < plan_.layout.chunk_count() && step <= plan_.last_step; ++chunk) {
      entries.push_back({.term = term, .step = step, .chunk = ChunkId(chunk), .weight = 16, .loss = 1.0 + step,
                         .fingerprint = 100 * step + chunk});
    }
    if (plan_.evaluation->DueIn(step)) {
      entries.push_back({.term = term, .step = step, .chunk = plan_.layout.evaluation_chunk(), .weight = 20,
                         .loss = 0.5 * step});
    }
    return entries;
  }

  std::vector<LedgerBook::Page> TakeAll(LedgerBook& book) {
    std::vector<LedgerBook::Page> pages;
    while (const auto page = book.Take()) pages.push_back(*page);
    return pages;
  }

  const JobPlan plan_ = JobPlan::Make(MakeJob(), kData, kDeviceKind).value();
  const std::function<double(Step)> rate_ = [](Step step) { return 0.25 * step; };
};

TEST_F(LedgerBookTest, StepsComeOutInOrderWhateverTheOrderOfEntries) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<Entry> entries;
    for (Step step = 1; step <= plan_.last_protocol_step(); ++step) {
      for (const Entry& entry : Entries(step)) entries.insert(entries.end(), 1 + random() % 2, entry);
    }
    std::shuffle(entries.begin(), entries.end(), random);
    LedgerBook book(plan_, rate_, 0);
    std::vector<LedgerBook::Page> pages;
    for (const Entry& entry : entries) {
      book.Add(entry);
      for (const LedgerBook::Page& page : TakeAll(book)) pages.push_back(page);
    }
    ASSERT_EQ(pages.size(), 7);
    for (Step step = 1; step <= 7; ++step) {
      const LedgerBook::Page& page = pages[step - 1];
      EXPECT_EQ(page.step, step);
      ASSERT_EQ(page.line.has_value(), step <= 6);
      ASSERT_EQ(page.evaluation.has_value(), step == 4 || step == 7);
      if (page.evaluation) {
        EXPECT_EQ(*page.evaluation, (EvaluationLine{.step = step - 1, .loss_sum = 0.5 * step, .weight = 20}));
      }
      if (!page.line) continue;
      EXPECT_EQ(page.line->loss_sum, 1.0 + step);
      EXPECT_EQ(page.line->weight, 16);
      EXPECT_EQ(page.line->learning_rate, 0.25 * step);
      EXPECT_EQ(page.line->grad_norm, std::nullopt);
    }
  }
}

TEST_F(LedgerBookTest, AStepWaitsForItsEvaluation) {
  LedgerBook book(plan_, rate_, 3);
  const std::vector<Entry> entries = Entries(4);
  for (size_t i = 0; i + 1 < entries.size(); ++i) book.Add(entries[i]);
  EXPECT_FALSE(book.Take().has_value());
  book.Add(entries.back());
  EXPECT_TRUE(book.Take().has_value());
}

TEST_F(LedgerBookTest, EntriesOfTwoTermsMakeNoLine) {
  const JobPlan plan = JobPlan::Make(MakeJob("servers { count: 2 chunk_bytes: 16384 }"), kData, kDeviceKind).value();
  LedgerBook book(plan, rate_, 0);
  std::vector<Entry> entries = Entries(1);
  // The only chunk in term 1 belongs to another step's line; a half of each term is a half.
  for (Entry& entry : entries) book.Add({.term = 2, .step = 2, .chunk = entry.chunk});
  EXPECT_FALSE(book.Take().has_value());
}

TEST_F(LedgerBookTest, NothingPastTheLimit) {
  LedgerBook book(plan_, rate_, 0);
  for (Step step = 1; step <= 3; ++step) {
    for (const Entry& entry : Entries(step)) book.Add(entry);
  }
  book.SetLimit(2);
  EXPECT_EQ(TakeAll(book).size(), 2);
  book.SetLimit(0);
  EXPECT_EQ(TakeAll(book).size(), 1);
}

TEST_F(LedgerBookTest, WhatIsOutAlreadyComesAgainForComparison) {
  LedgerBook book(plan_, rate_, 5);
  for (const Entry& entry : Entries(4, /*term=*/2)) book.Add(entry);
  EXPECT_FALSE(book.Take().has_value());
  const std::optional<LedgerBook::Page> again = book.TakeReplayed();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->step, 4);
  EXPECT_TRUE(again->evaluation.has_value());
  EXPECT_FALSE(book.TakeReplayed().has_value());
}

TEST_F(LedgerBookTest, NormOfTheMeanGradient) {
  LedgerBook book(plan_, rate_, 0);
  std::vector<Entry> entries = Entries(1);
  entries[0].parts = {{.chunk = entries[0].chunk, .segment = 0, .sum_of_squares = 64}};
  for (const Entry& entry : entries) book.Add(entry);
  EXPECT_EQ(book.Take()->line->grad_norm, 8.0 / 16);
}

TEST_F(LedgerBookTest, WhatNobodyCanMeanIsPassedOver) {
  LedgerBook book(plan_, rate_, 0);
  book.Add({.term = 1, .step = 0});
  book.Add({.term = 1, .step = 100});
  book.Add({.term = 1, .step = 1, .chunk = ChunkId(99)});
  EXPECT_EQ(book.highest(), 0);
}

}  // namespace
}  // namespace banyan::coordinator
