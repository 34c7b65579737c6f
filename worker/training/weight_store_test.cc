#include "worker/training/weight_store.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "common/model/graph_builder.h"
#include "gtest/gtest.h"
#include "worker/device/cpu_device.h"

namespace banyan::worker {
namespace {

// Two layers: a weight that is cut into several chunks, and small ones that share a chunk with its tail.
Graph MakeGraph() {
  GraphBuilder builder({.name = "features", .element = ElementKind::kReal, .shape = {300}},
                       {.name = "targets", .element = ElementKind::kReal, .shape = {3}});
  const TensorId x = builder.Add("first", LinearAttributes{.units = 50}, {builder.input()}).value();
  const TensorId y = builder.Add("second", LinearAttributes{.units = 3}, {x}).value();
  return std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), y).value();
}

class WeightStoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { device_ = CpuDevice::Create().value().release(); }

  // The chunk's bytes where element i of a parameter p is p * 100000 + i.
  std::vector<std::byte> BytesOf(ChunkId id) const {
    const Chunk& chunk = layout_.chunk(id);
    std::vector<float> values(static_cast<size_t>(chunk.element_count), 0.0f);
    for (const Segment& segment : chunk.segments) {
      std::iota(values.begin() + segment.offset, values.begin() + segment.offset + segment.element_count,
                static_cast<float>(segment.parameter.value() * 100000 + segment.first_element));
    }
    const auto bytes = std::as_bytes(std::span<const float>(values));
    return {bytes.begin(), bytes.end()};
  }

  void ExpectAll(const WeightStore& store) const {
    for (size_t p = 0; p < graph_.parameters.size(); ++p) {
      const ConstView& view = store.views()[p];
      ASSERT_EQ(view.size(), ElementsOf(graph_.parameters[p].shape));
      for (int64_t i = 0; i < view.size(); ++i) {
        ASSERT_EQ(view.as<float>()[i], static_cast<float>(p * 100000 + static_cast<size_t>(i))) << p << " " << i;
      }
    }
  }

  static inline CpuDevice* device_ = nullptr;
  const Graph graph_ = MakeGraph();
  const ChunkLayout layout_ = ChunkLayout::Make(graph_, 16384).value();
};

// The network cuts a payload where it likes, within elements and across segments.
TEST_F(WeightStoreTest, PutsEveryElementInItsPlaceHoweverThePayloadIsCut) {
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    const auto store = WeightStore::Create(*device_, graph_, layout_).value();
    for (uint32_t i = 0; i < layout_.chunk_count(); ++i) {
      const std::vector<std::byte> bytes = BytesOf(ChunkId(i));
      Payload payload;
      for (size_t at = 0; at < bytes.size();) {
        const size_t size = std::min<size_t>(bytes.size() - at, 1 + random() % (round == 0 ? bytes.size() : 3000));
        payload.Append(std::span(bytes).subspan(at, size), nullptr);
        at += size;
      }
      ASSERT_TRUE(store->Install(ChunkId(i), payload).ok());
    }
    ExpectAll(*store);
  }
}

TEST_F(WeightStoreTest, RefusesAChunkOfAnotherLengthAndKeepsWhatItHas) {
  const auto store = WeightStore::Create(*device_, graph_, layout_).value();
  for (uint32_t i = 0; i < layout_.chunk_count(); ++i) {
    ASSERT_TRUE(store->Install(ChunkId(i), Payload::Borrow(BytesOf(ChunkId(i)))).ok());
  }
  const std::vector<std::byte> zeros(BytesOf(ChunkId(0)).size() - sizeof(float));

  const absl::Status status = store->Install(ChunkId(0), Payload::Borrow(zeros));

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  ExpectAll(*store);
}

}  // namespace
}  // namespace banyan::worker
