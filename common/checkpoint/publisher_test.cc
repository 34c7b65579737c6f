#include "common/checkpoint/publisher.h"

#include <string>
#include <thread>

#include "common/base/bytes.h"
#include "common/checkpoint/checkpoint_fixture.h"
#include "common/checkpoint/manifest.h"
#include "common/checkpoint/reader.h"
#include "common/checkpoint/writer.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using fixture::Facts;
using fixture::kJob;
using fixture::WritePart;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr CheckpointName kName{.term = 1, .step = 10};

class PublisherTest : public testing::Test {
 protected:
  absl::Status Publish(const std::vector<PartRange>& parts, const CheckpointName& name = kName) {
    return PublishCheckpoint(disk_, layout_, kJob, Facts(name), parts);
  }

  SimulatedDisk disk_;
  const CheckpointLayout layout_ = fixture::SmallLayout();
};

TEST_F(PublisherTest, ServersWriteAtOnceAndInAnyOrder) {
  std::vector<std::vector<PartRange>> reported(4);
  {
    std::vector<std::jthread> servers;
    for (int i = 0; i < 4; ++i) {
      servers.emplace_back([&, i] { reported[i] = WritePart(disk_, layout_, kJob, kName, 3 - i, 4, 2).value(); });
    }
  }
  std::vector<PartRange> parts;
  for (const auto& ranges : reported) parts.insert(parts.end(), ranges.begin(), ranges.end());
  parts.insert(parts.end(), reported[0].begin(), reported[0].end());  // a report that came twice
  ASSERT_EQ(Publish(parts), absl::OkStatus());
  const auto reader = OpenNewestCheckpoint(disk_, kJob);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(fixture::CheckRight(*reader), absl::OkStatus());
  EXPECT_EQ(reader->manifest().recipe().seed(), 7);
  EXPECT_THAT(disk_.List(kJob).value(), ElementsAre("step-000000000010-term-1"));
}

TEST_F(PublisherTest, MissingPartIsNamedAndNothingIsPublished) {
  std::vector<PartRange> parts = WritePart(disk_, layout_, kJob, kName).value();
  const PartRange lost = parts.back();
  parts.pop_back();
  const absl::Status status = Publish(parts);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("of optimizer.safetensors, tensor 'wte.weight.exp_avg_sq'"));
  EXPECT_TRUE(ListCheckpoints(disk_, kJob).value().empty());
  parts.push_back(lost);
  EXPECT_EQ(Publish(parts), absl::OkStatus());
}

TEST_F(PublisherTest, RefusesPartsThatDisagreeOrLieOutside) {
  const std::vector<PartRange> good = WritePart(disk_, layout_, kJob, kName).value();
  std::vector<PartRange> parts = good;
  parts.push_back(good[0]);
  parts.back().checksum ^= 1;
  EXPECT_TRUE(absl::IsInvalidArgument(Publish(parts)));
  parts = good;
  parts.push_back({"other", 0, 1, 0});
  EXPECT_TRUE(absl::IsInvalidArgument(Publish(parts)));
  parts = good;
  parts.push_back({"model.safetensors", ~uint64_t{0}, 2, 0});
  EXPECT_TRUE(absl::IsInvalidArgument(Publish(parts)));
}

TEST_F(PublisherTest, RefusesFilesThatAreNotThere) {
  const std::vector<PartRange> parts = WritePart(disk_, layout_, kJob, kName).value();
  EXPECT_TRUE(absl::IsNotFound(Publish(parts, {.term = 2, .step = 10})));
  const std::string path = JoinPath(JoinPath(kJob, kName.PartialDirectory()), "model.safetensors");
  ASSERT_TRUE(disk_.FlipBit(path, 100).ok());
  EXPECT_TRUE(absl::IsDataLoss(Publish(parts)));
}

TEST_F(PublisherTest, PublishingAgainIsOkAndWritingAgainIsNot) {
  const std::vector<PartRange> parts = WritePart(disk_, layout_, kJob, kName).value();
  ASSERT_EQ(Publish(parts), absl::OkStatus());
  EXPECT_EQ(Publish(parts), absl::OkStatus());
  EXPECT_TRUE(absl::IsAlreadyExists(CheckpointWriter::Open(disk_, layout_, kJob, kName).status()));
}

TEST_F(PublisherTest, ReportedPartsSurviveACrash) {
  const std::vector<PartRange> parts = WritePart(disk_, layout_, kJob, kName).value();
  disk_.Crash();
  ASSERT_EQ(Publish(parts), absl::OkStatus());
  EXPECT_EQ(fixture::CheckRight(OpenNewestCheckpoint(disk_, kJob).value()), absl::OkStatus());
}

// The coordinator may die, or its disk fail, between the rename and the sync that makes it durable.
TEST_F(PublisherTest, PublishingAgainMakesAnEarlierRenameDurable) {
  const std::vector<PartRange> parts = WritePart(disk_, layout_, kJob, kName).value();
  {
    SimulatedDisk counted;
    ASSERT_TRUE(WritePart(counted, layout_, kJob, kName).ok());
    counted.SetFault(0, SimulatedDisk::Fault::kIoError);
    ASSERT_TRUE(PublishCheckpoint(counted, layout_, kJob, Facts(kName), parts).ok());
    disk_.SetFault(counted.calls(), SimulatedDisk::Fault::kIoError);
  }
  ASSERT_FALSE(Publish(parts).ok());
  ASSERT_EQ(ListCheckpoints(disk_, kJob).value().size(), 1) << "renamed, not synced";
  ASSERT_EQ(Publish(parts), absl::OkStatus());
  disk_.Crash();
  EXPECT_TRUE(OpenNewestCheckpoint(disk_, kJob).ok());
}

TEST_F(PublisherTest, KeepsTheNewestAndTheProtected) {
  for (const uint64_t step : {10, 20, 30, 40}) {
    ASSERT_EQ(fixture::WriteAndPublish(disk_, layout_, kJob, {.term = 1, .step = step}), absl::OkStatus());
  }
  ASSERT_TRUE(WritePart(disk_, layout_, kJob, {.term = 1, .step = 35}).ok());
  ASSERT_TRUE(WritePart(disk_, layout_, kJob, {.term = 1, .step = 50}).ok());
  ASSERT_EQ(RemoveOldCheckpoints(disk_, kJob, 2, {{.term = 1, .step = 10}}), absl::OkStatus());
  EXPECT_THAT(disk_.List(kJob).value(),
              ElementsAre("step-000000000010-term-1", "step-000000000030-term-1", "step-000000000040-term-1",
                          "step-000000000050-term-1.partial"));
}

TEST_F(PublisherTest, NeverRemovesTheNewestCompleteOne) {
  for (const uint64_t step : {10, 20}) {
    ASSERT_EQ(fixture::WriteAndPublish(disk_, layout_, kJob, {.term = 1, .step = step}), absl::OkStatus());
  }
  ASSERT_TRUE(disk_.Remove("/job/step-000000000020-term-1/manifest.json").ok());
  ASSERT_EQ(RemoveOldCheckpoints(disk_, kJob, 1, {}), absl::OkStatus());
  EXPECT_EQ(OpenNewestCheckpoint(disk_, kJob).value().step(), 10);
}

TEST_F(PublisherTest, WriterRefusesWhatIsNotInTheLayout) {
  const auto writer = CheckpointWriter::Open(disk_, layout_, kJob, kName).value();
  EXPECT_TRUE(absl::IsNotFound(writer->Write("none", 0, Payload::Borrow(AsBytes("abcd")))));
  EXPECT_TRUE(absl::IsOutOfRange(writer->Write("h.0.bias", 3, Payload::Borrow(AsBytes("abcd")))));
  EXPECT_TRUE(absl::IsOutOfRange(writer->Write("h.0.bias", 0, Payload::Borrow(AsBytes("abc")))));
  EXPECT_TRUE(absl::IsOutOfRange(writer->Write("h.0.bias", -1, Payload::Borrow(AsBytes("abcd")))));
}

}  // namespace
}  // namespace banyan
