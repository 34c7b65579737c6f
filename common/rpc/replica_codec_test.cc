#include "common/rpc/replica_codec.h"

#include <span>
#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

Payload Floats(float value) {
  const std::vector<float> values(3, value);
  return Payload::Copy(std::as_bytes(std::span(values)));
}

float First(const Payload& payload) {
  std::vector<float> values(payload.size() / sizeof(float));
  payload.CopyTo(std::as_writable_bytes(std::span(values)));
  return values.at(0);
}

ChunkState MakeState() {
  return {.term = 2,
          .epoch = 3,
          .applied = 7,
          .chunk = ChunkId(5),
          .ledger = Ledger{.step = 7, .weight = 4, .norm = 0.5},
          .previous_ledger = Ledger{.step = 6},
          .entries = {{.term = 2, .step = 7, .chunk = ChunkId(5), .fingerprint = 9}},
          .weights = Floats(1),
          .slots = {Floats(2), Floats(3)},
          .previous = Floats(4)};
}

TEST(ReplicaCodecTest, AStateIsAFrameABuffer) {
  std::vector<Frame> frames = EncodeToBackup(MakeState());
  ASSERT_EQ(frames.size(), 4u);
  ToBackupDecoder decoder;
  for (size_t i = 0; i < 3; ++i) {
    const auto more = decoder.Add(frames[i]);
    ASSERT_TRUE(more.ok()) << more.status();
    EXPECT_FALSE(more->has_value());
  }

  const auto whole = decoder.Add(frames[3]);

  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto& state = std::get<ChunkState>(whole->value());
  EXPECT_EQ(state.applied, 7u);
  EXPECT_EQ(state.ledger, MakeState().ledger);
  EXPECT_EQ(state.previous_ledger, MakeState().previous_ledger);
  EXPECT_EQ(state.entries, MakeState().entries);
  EXPECT_EQ(First(state.weights), 1);
  EXPECT_EQ(First(state.slots[1]), 3);
  EXPECT_EQ(First(*state.previous), 4);
}

TEST(ReplicaCodecTest, AStateThatIsInterruptedOrDamagedIsRefused) {
  const std::vector<Frame> frames = EncodeToBackup(MakeState());
  ToBackupDecoder interrupted;
  ASSERT_TRUE(interrupted.Add(frames[0]).ok());
  EXPECT_EQ(interrupted.Add(frames[0]).status().code(), absl::StatusCode::kInvalidArgument);

  ToBackupDecoder damaged;
  ASSERT_TRUE(damaged.Add(frames[0]).ok());
  Frame frame = frames[1];
  frame.payload = Floats(9);
  EXPECT_EQ(damaged.Add(frame).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ReplicaCodecTest, RootsGreetingsAndPromises) {
  ToBackupDecoder decoder;
  const Root root{.term = 1, .epoch = 2, .step = 3, .chunk = ChunkId(4), .weight = 5, .loss = 6,
                  .before = Ledger{.step = 2}, .data = Floats(7)};
  const auto decoded = std::get<Root>(decoder.Add(EncodeToBackup(root)[0]).value().value());
  EXPECT_EQ(decoded.step, 3u);
  EXPECT_EQ(decoded.loss, 6);
  EXPECT_EQ(decoded.before, root.before);
  EXPECT_EQ(First(decoded.data), 7);

  const auto greeting = std::get<Greeting>(
      decoder.Add(EncodeToBackup(Greeting{.term = 1, .epoch = 2, .server = ServerId(3), .shard = 4})[0])
          .value().value());
  EXPECT_EQ(greeting.server, ServerId(3));
  EXPECT_EQ(greeting.shard, 4u);

  const Held held = DecodeHeld(EncodeHeld({.term = 1, .epoch = 2, .chunks = {{.chunk = ChunkId(3)},
                                                                            {.chunk = ChunkId(4),
                                                                             .applied = 0,
                                                                             .root_epoch = 2}}})).value();
  ASSERT_EQ(held.chunks.size(), 2u);
  EXPECT_FALSE(held.chunks[0].applied.has_value());
  EXPECT_EQ(held.chunks[1].applied, 0u);
  EXPECT_EQ(held.chunks[1].root_epoch, 2u);
  EXPECT_FALSE(decoder.Add(EncodeHeld(held)).ok()) << "not for a backup";
}

}  // namespace
}  // namespace banyan
