#include "common/rpc/exchange_codec.h"

#include <string>

#include "common/base/bytes.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

constexpr uint32_t kLeaves = 5;

Payload Floats(size_t count) { return Payload::Copy(AsBytes(std::string(count * sizeof(float), '\x3f'))); }

Push MakePush() {
  return {.term = 2,
          .step = 7,
          .chunk = ChunkId(3),
          .use = 1,
          .node = {.level = 2, .index = 1},
          .weight = 1.5,
          .loss = 0.25,
          .data = Floats(8)};
}

TEST(ExchangeCodecTest, PushComesBack) {
  const absl::StatusOr<ToServer> decoded = DecodeToServer(EncodeToServer(MakePush()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const Push& push = std::get<Push>(*decoded);
  EXPECT_EQ(push.step, 7);
  EXPECT_EQ(push.chunk, ChunkId(3));
  EXPECT_EQ(push.use, 1);
  EXPECT_EQ(push.node, (Node{.level = 2, .index = 1}));
  EXPECT_EQ(push.weight, 1.5);
  EXPECT_EQ(push.loss, 0.25);
  EXPECT_FALSE(push.zero);
  EXPECT_EQ(push.data.size(), 32);
}

TEST(ExchangeCodecTest, AFlippedBitIsDataLoss) {
  Frame frame = EncodeToServer(MakePush());
  frame.header.mutable_push()->mutable_tensor()->set_checksum(1);
  EXPECT_EQ(DecodeToServer(std::move(frame)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ExchangeCodecTest, RefusesPayloadsThatAreNotAsAnnounced) {
  Frame longer = EncodeToServer(MakePush());
  longer.payload.Append(Floats(1));
  EXPECT_EQ(DecodeToServer(std::move(longer)).status().code(), absl::StatusCode::kInvalidArgument);
  Frame zero = EncodeToServer(MakePush());
  zero.header.mutable_push()->set_zero(true);
  EXPECT_EQ(DecodeToServer(std::move(zero)).status().code(), absl::StatusCode::kInvalidArgument);
  Frame other = EncodeToServer(MakePush());
  other.header.mutable_push()->mutable_tensor()->set_dtype(v1::BF16_BITS);
  EXPECT_EQ(DecodeToServer(std::move(other)).status().code(), absl::StatusCode::kInvalidArgument);
  Frame nameless = EncodeToServer(MakePush());
  nameless.header.mutable_push()->clear_node();
  EXPECT_EQ(DecodeToServer(std::move(nameless)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ExchangeCodecTest, RefusesMessagesOfTheOtherDirection) {
  EXPECT_FALSE(DecodeToServer(EncodeToWorker(Moved{})).ok());
  EXPECT_FALSE(DecodeToWorker(EncodeToServer(Pull{}), kLeaves).ok());
  EXPECT_FALSE(DecodeSum(EncodeToServer(Pull{})).ok());
}

TEST(ExchangeCodecTest, StateComesBackWithItsMap) {
  LeafSet covered(kLeaves);
  covered.Add(4);
  State state = {.term = 1, .epoch = 2, .done_through = 3, .window_end = 4};
  state.chunks.push_back({.chunk = ChunkId(1), .use = 0, .applied = 3, .covered = covered});
  state.map = ChunkMap{.epoch = 2,
                       .servers = {{.id = ServerId(9), .incarnation = Incarnation(8), .endpoint = "h:1", .shards = 2}},
                       .owners = {{.primary = 0}}};
  const absl::StatusOr<ToWorker> decoded = DecodeToWorker(EncodeToWorker(state), kLeaves);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::get<State>(*decoded).chunks[0].covered, covered);
  EXPECT_EQ(std::get<State>(*decoded).map, state.map);
  EXPECT_FALSE(DecodeToWorker(EncodeToWorker(state), 100).ok());
}

TEST(ExchangeCodecTest, RefusesAMapThatNamesServersBeyondItsList) {
  EXPECT_FALSE(DecodeChunkMap(EncodeChunkMap({.epoch = 1, .owners = {{.primary = 0}}})).ok());
}

TEST(ExchangeCodecTest, WeightsKeepChunkZeroApartFromNone) {
  const Weights mark = {.done_through = 5};
  EXPECT_FALSE(std::get<Weights>(*DecodeToWorker(EncodeToWorker(mark), kLeaves)).chunk.has_value());
  const Weights weights = {.step = 1, .chunk = ChunkId(0), .ledger = Ledger{.step = 1, .norm = 0.0}, .data = Floats(2)};
  const Weights back = std::get<Weights>(*DecodeToWorker(EncodeToWorker(weights), kLeaves));
  EXPECT_EQ(back.chunk, ChunkId(0));
  EXPECT_EQ(back.ledger, weights.ledger);
}

TEST(ExchangeCodecTest, SumAndEntryComeBack) {
  const SegmentSum part = {.chunk = ChunkId(2), .segment = 1, .sum_of_squares = 0.1};
  const Sum sum = {.term = 1, .step = 2, .from = ServerId(3), .parts = {part}, .weight = 4.0, .ask = true};
  const absl::StatusOr<Sum> back = DecodeSum(EncodeSum(sum));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->parts, sum.parts);
  EXPECT_EQ(back->weight, 4.0);
  EXPECT_FALSE(back->loss.has_value());
  EXPECT_TRUE(back->ask);
  const Entry entry = {.term = 1, .step = 2, .chunk = ChunkId(3), .weight = 4, .fingerprint = 5, .parts = {part}};
  EXPECT_EQ(DecodeEntry(EncodeEntry(entry)), entry);
}

}  // namespace
}  // namespace banyan
