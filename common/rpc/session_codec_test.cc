#include "common/rpc/session_codec.h"

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(SessionCodecTest, OrderComesBack) {
  JobOrder order = {.coordinator_term = 4,
                    .term = 2,
                    .restore = RestorePoint{.step = 10, .directory = "d"},
                    .checkpoint_step = 12,
                    .checkpoint_directory = "c",
                    .last_step = 12,
                    .ledger_through = 9,
                    .state = JobState::kStopping};
  order.assignment = Assignment{.version = 3,
                                .from_step = 11,
                                .max_pending = 2,
                                .shares = {{.worker = WorkerId(5), .nodes = {{.level = 1, .index = 0}}}}};
  const absl::StatusOr<JobOrder> back = DecodeJobOrder(EncodeJobOrder(order), 4);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->restore, order.restore);
  EXPECT_EQ(back->assignment, order.assignment);
  EXPECT_FALSE(back->map.has_value());
  EXPECT_EQ(back->checkpoint_step, 12);
  EXPECT_EQ(back->ledger_through, 9);
  EXPECT_EQ(back->state, JobState::kStopping);
  EXPECT_EQ(back->coordinator_term, 4);
}

TEST(SessionCodecTest, EveryJobStateComesBack) {
  for (int state = 0; state <= static_cast<int>(JobState::kFailed); ++state) {
    EXPECT_EQ(DecodeJobState(EncodeJobState(static_cast<JobState>(state))).value(), static_cast<JobState>(state));
  }
  EXPECT_EQ(EncodeJobState(JobState::kFailed), v1::FAILED);
  EXPECT_FALSE(DecodeJobState(v1::JOB_STATE_UNSPECIFIED).ok());
}

TEST(SessionCodecTest, ReportComesBack) {
  LeafSet missing(9);
  missing.Add(8);
  JobReport report = {.term = 1, .epoch = 2, .assignment_version = 3, .ready = true, .failure = "no"};
  report.open.push_back({.step = 5, .missing = missing});
  report.parts.push_back({.term = 1, .step = 4, .ranges = {{.file = "f", .offset = 1, .size = 2, .checksum = 3}}});
  report.entries.push_back({.term = 1, .step = 4, .chunk = ChunkId(7)});
  report.waits.push_back({.what = "leaves", .parties = {6}, .detail = "leaf 8", .since = 0.5});
  report.data = DataFacts{.hash = "h", .samples = 100, .held_out_samples = 5, .vocabulary = 256};
  report.counters["leaves_computed"] = 11;
  const absl::StatusOr<JobReport> back = DecodeJobReport(EncodeJobReport("job", report), 9);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->open[0].missing, missing);
  EXPECT_EQ(back->parts[0].ranges[0].checksum, 3);
  EXPECT_EQ(back->entries, report.entries);
  EXPECT_EQ(back->waits[0].parties, report.waits[0].parties);
  EXPECT_EQ(back->data, report.data);
  EXPECT_EQ(back->counters, report.counters);
  EXPECT_FALSE(DecodeJobReport(EncodeJobReport("job", report), 0).ok());
  EXPECT_FALSE(DecodeJobReport(EncodeJobReport("job", report), 100).ok());
}

}  // namespace
}  // namespace banyan
