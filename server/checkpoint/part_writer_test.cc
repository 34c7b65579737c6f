#include "server/checkpoint/part_writer.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/checkpoint/layout.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "common/job/checkpoint_tensors.h"
#include "gtest/gtest.h"
#include "server/shard/toy_job.h"

namespace banyan::server {
namespace {

constexpr char kDirectory[] = "/jobs/j1";

class PartWriterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(CreateDirectories(disk_, kDirectory).ok()); }

  // All chunks @2 in one part; what the last one gave.
  absl::StatusOr<PartWriter::Ranges> WriteAll() {
    const auto names = job_.rule().SlotNames();
    PartWriter writer({.files = &disk_,
                       .plan = &job_.plan(),
                       .layout = &layout_,
                       .slots = std::vector<std::string>(names.begin(), names.end())});
    const uint32_t chunks = job_.plan().layout.chunk_count();
    for (uint32_t i = 0; i < chunks; ++i) {
      const ToyJob::State& state = job_.At(2, ChunkId(i));
      CheckpointWork work{.term = 1, .step = 2, .directory = kDirectory, .part_chunks = chunks, .chunk = ChunkId(i)};
      work.weights = Payload::Borrow(std::as_bytes(std::span(state.weights)));
      for (const auto& slot : state.slots) work.slots.push_back(Payload::Borrow(std::as_bytes(std::span(slot))));
      const std::optional<absl::StatusOr<PartWriter::Ranges>> part = writer.Write(work);
      EXPECT_EQ(part.has_value(), i + 1 == chunks);
      if (part.has_value()) return *part;
    }
    return absl::InternalError("never over");
  }

  const ToyJob job_{{}};
  const CheckpointLayout layout_ =
      *CheckpointLayout::Create(CheckpointTensorsOf(job_.plan(), job_.rule().SlotNames()));
  SimulatedDisk disk_;
};

TEST_F(PartWriterTest, TellsWhatItWroteWithTheLastChunk) {
  const absl::StatusOr<PartWriter::Ranges> ranges = WriteAll();

  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_FALSE(ranges->empty());
}

TEST_F(PartWriterTest, APublishedCheckpointIsNotWrittenAgain) {
  const CheckpointName name{.term = 1, .step = 2};
  ASSERT_TRUE(CreateDirectories(disk_, JoinPath(kDirectory, name.Directory())).ok());

  const absl::StatusOr<PartWriter::Ranges> ranges = WriteAll();

  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_TRUE(ranges->empty());
}

}  // namespace
}  // namespace banyan::server
