#include "common/model/chunk_layout.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "common/model/graph_builder.h"
#include "common/tree/tree.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

constexpr int64_t kBlock = 4096;
constexpr int64_t kKiB = 1024;

// A chain of square layers without bias, each with a parameter of its own choice: `names`, equal ones tied.
Graph Chain(int64_t width, const std::vector<std::string>& names) {
  GraphBuilder builder({.name = "features", .element = ElementKind::kReal, .shape = {width}},
                       {.name = "targets", .element = ElementKind::kReal, .shape = {width}});
  TensorId x = builder.input();
  for (size_t i = 0; i < names.size(); ++i) {
    x = builder.Add("layer" + std::to_string(i), LinearAttributes{.units = width, .bias = false}, {x}, {{names[i], {}}})
            .value();
  }
  return std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), x).value();
}

// Layers of random widths, with biases and norms; parameters of one shape tied now and then; some frozen.
Graph RandomGraph(std::mt19937& random) {
  const auto below = [&random](int n) { return static_cast<int>(random() % n); };
  const std::vector<int64_t> widths = {1, 3, 16, 64, 100, 128, 300};
  const int64_t features = widths[below(7)];
  GraphBuilder builder({.name = "features", .element = ElementKind::kReal, .shape = {features}},
                       {.name = "targets", .element = ElementKind::kReal, .shape = {64}});
  TensorId x = builder.Add("first", LinearAttributes{.units = 64}, {builder.input()}).value();
  const int layers = 1 + below(8);
  for (int i = 0; i < layers; ++i) {
    const std::string name = "h." + std::to_string(i);
    const int64_t width = widths[below(7)];
    x = builder.Add(name + ".up", LinearAttributes{.units = width}, {x}).value();
    if (below(2) == 0) x = builder.Add(name + ".norm", LayerNormAttributes(), {x}).value();
    x = builder.Add(name + ".down", LinearAttributes{.units = 64}, {x}).value();
    const std::string square = below(2) == 0 ? "tied" : name + ".square";
    x = builder.Add(name + ".square", LinearAttributes{.units = 64, .bias = false}, {x}, {{square, {}}}).value();
  }
  Graph graph = std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), x).value();
  for (size_t i = 1; i < graph.parameters.size(); ++i) {
    if (below(6) == 0) graph.parameters[i].kind = ParameterKind::kFrozen;
  }
  return graph;
}

void ExpectEveryElementOnce(const Graph& graph, const ChunkLayout& layout, int64_t chunk_elements) {
  size_t segments = 0;
  for (uint32_t i = 0; i < layout.chunk_count(); ++i) segments += layout.chunk(ChunkId(i)).segments.size();
  for (uint32_t i = 0; i < graph.parameters.size(); ++i) {
    const int64_t elements = ElementsOf(graph.parameters[i].shape);
    int64_t next = 0;
    for (const SegmentPlace& place : layout.SegmentsOf(ParameterId(i))) {
      const Segment& segment = layout.chunk(place.chunk).segments[place.segment];
      EXPECT_EQ(segment.parameter, ParameterId(i));
      EXPECT_EQ(segment.first_element, next);
      EXPECT_EQ(segment.first_element % chunk_elements, 0);
      next += segment.element_count;
      --segments;
      // The node covers the segment's blocks and no others, and has the name that common/tree gives it.
      const Tree tree(static_cast<uint32_t>((elements - 1) / kBlock + 1));
      const Node node{segment.node.level, segment.node.index};
      EXPECT_TRUE(tree.IsCanonical(node)) << node << " of " << tree.leaves();
      EXPECT_EQ(tree.Leaves(node).begin * kBlock, segment.first_element);
      EXPECT_EQ(tree.Leaves(node).begin, segment.first_block());
      EXPECT_EQ(std::min(tree.Leaves(node).end * kBlock, elements), next);
    }
    EXPECT_EQ(next, elements);
  }
  EXPECT_EQ(segments, 0u);
}

void ExpectChunksAreSound(const Graph& graph, const ChunkLayout& layout, int64_t chunk_elements) {
  for (uint32_t i = 0; i < layout.chunk_count(); ++i) {
    const Chunk& chunk = layout.chunk(ChunkId(i));
    int64_t end = 0;
    for (const Segment& segment : chunk.segments) {
      const Parameter& parameter = graph.parameter(segment.parameter);
      EXPECT_GE(segment.offset, end);
      EXPECT_LT(segment.offset, end + 16);
      EXPECT_EQ(segment.offset % 16, 0);
      EXPECT_EQ(parameter.kind, chunk.kind);
      EXPECT_EQ(parameter.kind == ParameterKind::kFrozen ? 0 : parameter.uses, chunk.uses);
      end = segment.offset + segment.element_count;
    }
    EXPECT_EQ(end, chunk.element_count);
    EXPECT_LE(end, chunk_elements);
  }
}

// Runs backward with a counter of missing segments per (chunk, use).
void ExpectCompletionOrder(const Graph& graph, const ChunkLayout& layout) {
  std::vector<std::vector<size_t>> missing(layout.chunk_count());
  for (uint32_t i = 0; i < layout.chunk_count(); ++i) {
    const Chunk& chunk = layout.chunk(ChunkId(i));
    missing[i].assign(chunk.uses, chunk.segments.size());
  }
  std::vector<ChunkUse> completed;
  uint32_t next_id = 0;
  for (size_t i = graph.layers.size(); i-- > 0;) {
    for (size_t k = graph.layers[i].parameters.size(); k-- > 0;) {
      const ParameterUse use = graph.layers[i].parameters[k];
      std::vector<ChunkUse> now;
      for (const SegmentPlace& place : layout.SegmentsOf(use.parameter)) {
        if (layout.chunk(place.chunk).uses == 0) continue;
        if (--missing[place.chunk.value()][use.use] == 0) now.push_back({place.chunk, use.use});
      }
      std::sort(now.begin(), now.end());
      const auto completed_by = layout.CompletedBy(use);
      EXPECT_TRUE(std::equal(now.begin(), now.end(), completed_by.begin(), completed_by.end()));
      for (const ChunkUse& chunk_use : now) {
        EXPECT_EQ(layout.PositionOf(chunk_use), completed.size());
        completed.push_back(chunk_use);
        // Ids grow by one with each chunk that is completed for the first time.
        if (chunk_use.chunk.value() >= next_id) {
          EXPECT_EQ(chunk_use.chunk.value(), next_id++);
        }
      }
    }
  }
  EXPECT_TRUE(std::equal(completed.begin(), completed.end(), layout.positions().begin(), layout.positions().end()));
  for (uint32_t i = 0; i < layout.chunk_count(); ++i) {
    EXPECT_EQ(i >= next_id, layout.chunk(ChunkId(i)).kind == ParameterKind::kFrozen);
  }
}

void ExpectForwardOrder(const Graph& graph, const ChunkLayout& layout) {
  std::vector<ChunkId> order;
  std::set<ChunkId> seen;
  for (uint32_t i = 0; i < graph.layers.size(); ++i) {
    std::set<ChunkId> expected;
    for (const ParameterUse& use : graph.layers[i].parameters) {
      for (const SegmentPlace& place : layout.SegmentsOf(use.parameter)) expected.insert(place.chunk);
    }
    const auto chunks = layout.ChunksOf(LayerId(i));
    EXPECT_EQ(std::set<ChunkId>(chunks.begin(), chunks.end()), expected);
    EXPECT_EQ(chunks.size(), expected.size());
    for (const ChunkId chunk : chunks) {
      if (seen.insert(chunk).second) order.push_back(chunk);
    }
  }
  EXPECT_TRUE(std::equal(order.begin(), order.end(), layout.forward_order().begin(), layout.forward_order().end()));
  EXPECT_EQ(order.size(), layout.chunk_count());
}

TEST(ChunkLayoutTest, InvariantsHoldForRandomGraphsAndChunkSizes) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Graph graph = RandomGraph(random);
    for (const int64_t chunk_bytes : {16 * kKiB, 32 * kKiB, 64 * kKiB, 1024 * kKiB}) {
      SCOPED_TRACE(chunk_bytes);
      const absl::StatusOr<ChunkLayout> layout = ChunkLayout::Make(graph, chunk_bytes);
      ASSERT_TRUE(layout.ok()) << layout.status();
      ExpectEveryElementOnce(graph, *layout, chunk_bytes / 4);
      ExpectChunksAreSound(graph, *layout, chunk_bytes / 4);
      ExpectCompletionOrder(graph, *layout);
      ExpectForwardOrder(graph, *layout);
    }
    if (HasFailure()) return;
  }
}

TEST(ChunkLayoutTest, CutsAtMultiplesAndPacksTails) {
  // 100 * 100 elements = 2 blocks and a tail of 1808; two such tails and no third fit into a block.
  const ChunkLayout layout = ChunkLayout::Make(Chain(100, {"a", "b", "c"}), 16 * kKiB).value();
  ASSERT_EQ(layout.chunk_count(), 8u);
  // Backward makes c, b, a. c's whole chunks, then b's with the tails of both, then a's.
  const auto parameters = [&](uint32_t id) {
    std::string text;
    for (const Segment& segment : layout.chunk(ChunkId(id)).segments) {
      text += "abc"[segment.parameter.value()] + std::to_string(segment.first_element / kBlock);
    }
    return text;
  };
  std::vector<std::string> chunks;
  for (uint32_t i = 0; i < 8; ++i) chunks.push_back(parameters(i));
  EXPECT_EQ(chunks, std::vector<std::string>({"c0", "c1", "c2b2", "b0", "b1", "a0", "a1", "a2"}));
  EXPECT_EQ(layout.chunk(ChunkId(2)).element_count, 2 * 1808);
  EXPECT_EQ(layout.chunk(ChunkId(2)).segments[0].node, (BlockNode{1, 1}));  // the third of three blocks
  EXPECT_EQ(layout.ledger_chunk(), ChunkId(0));
  EXPECT_EQ(layout.evaluation_chunk(), ChunkId(8));
  EXPECT_EQ(layout.forward_order().front(), ChunkId(5));
}

TEST(ChunkLayoutTest, TiedParameterHasAPositionPerUse) {
  const ChunkLayout layout = ChunkLayout::Make(Chain(64, {"tied", "b", "tied"}), 16 * kKiB).value();
  const std::vector<ChunkUse> expected = {{ChunkId(0), 1}, {ChunkId(1), 0}, {ChunkId(0), 0}};
  EXPECT_EQ(std::vector<ChunkUse>(layout.positions().begin(), layout.positions().end()), expected);
}

TEST(ChunkLayoutTest, TailsOfDifferentUsesDoNotShare) {
  const ChunkLayout layout = ChunkLayout::Make(Chain(8, {"tied", "b", "tied", "c"}), 16 * kKiB).value();
  ASSERT_EQ(layout.chunk_count(), 2u);
  EXPECT_EQ(layout.chunk(ChunkId(0)).segments.size(), 1u);  // the tied one, complete before c and b together
  EXPECT_EQ(layout.chunk(ChunkId(0)).uses, 2u);
  EXPECT_EQ(layout.chunk(ChunkId(1)).segments.size(), 2u);
}

TEST(ChunkLayoutTest, FrozenChunksHaveNoPosition) {
  Graph graph = Chain(8, {"a", "b", "c"});
  graph.parameters[2].kind = ParameterKind::kFrozen;
  const ChunkLayout layout = ChunkLayout::Make(graph, 16 * kKiB).value();
  EXPECT_EQ(layout.chunk_count(), 2u);
  EXPECT_EQ(layout.positions().size(), 1u);
  EXPECT_EQ(layout.chunk(ChunkId(1)).kind, ParameterKind::kFrozen);
  EXPECT_EQ(layout.forward_order().size(), 2u);
}

TEST(ChunkLayoutTest, Refusals) {
  const auto error = [](const Graph& graph, int64_t bytes) {
    return std::string(ChunkLayout::Make(graph, bytes).status().message());
  };
  const Graph graph = Chain(8, {"a"});
  for (const int64_t bytes : {0, 8192, 20000, 16384 * 3}) {
    EXPECT_EQ(error(graph, bytes), "run.servers.chunk_bytes: " + std::to_string(bytes) +
                                       ", expected 16384 times a power of two, at most 4194304");
  }
  Graph huge = graph;
  huge.parameters[0].shape = {65536, 1048576};
  EXPECT_EQ(error(huge, 16384),
            "run.servers.chunk_bytes: 16384 gives 16777216 chunks, expected at most 4194304; use larger chunks");
  Graph frozen = graph;
  frozen.parameters[0].kind = ParameterKind::kFrozen;
  EXPECT_EQ(error(frozen, 16384), "recipe.model: nothing to train, expected a parameter");
}

}  // namespace
}  // namespace banyan
