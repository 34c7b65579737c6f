#include "server/shard/partial_set.h"

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

constexpr size_t kElements = 37;
constexpr size_t kPlenty = 1000;

using Values = std::vector<float>;

// Values whose sum depends on the order of adding.
Values LeafValues(uint32_t leaf, bool zero) {
  Values values(kElements, 0.0f);
  if (zero) return values;
  std::mt19937 random(leaf + 1);
  std::uniform_real_distribution<float> mantissa(-1, 1);
  for (float& value : values) value = std::ldexp(mantissa(random), static_cast<int>(random() % 30));
  values[0] = -0.0f;
  return values;
}

Values Add(const Values& left, const Values& right) {
  Values sum(left.size());
  for (size_t i = 0; i < sum.size(); ++i) sum[i] = left[i] + right[i];
  return sum;
}

Payload ToPayload(const Values& values) {
  auto owner = std::make_shared<Values>(values);
  Payload payload;
  payload.Append(std::as_bytes(std::span<const float>(*owner)), owner);
  return payload;
}

bool SameBits(std::span<const float> a, const Values& b) {
  return std::memcmp(a.data(), b.data(), kElements * sizeof(float)) == 0;
}

class PartialSetTest : public testing::Test {
 protected:
  // Bit l of `zeros`: leaf l has no gradient.
  void Start(uint32_t leaves, uint64_t zeros = 0) {
    tree = Tree(leaves);
    zeros_ = zeros;
    set = std::make_unique<PartialSet>(tree, kElements, DetectCpuLevel(), memory);
    accumulator = memory.Allocate(kElements);
    set->SetAccumulator(accumulator);
  }

  bool IsZero(Node node) const {
    const LeafRange leaves = tree.Leaves(node);
    for (uint32_t leaf = leaves.begin; leaf < leaves.end; ++leaf) {
      if (!(zeros_ >> leaf & 1)) return false;
    }
    return true;
  }

  Values Oracle(Node node) const {
    return FoldTree<Values>(tree, node, [this](uint32_t leaf) { return LeafValues(leaf, zeros_ >> leaf & 1); }, Add);
  }

  double OracleLoss(Node node) const {
    return FoldTree<double>(tree, node, [](uint32_t leaf) { return 1.0 / (3 + leaf); }, std::plus<double>());
  }

  PartialSet::Outcome Push(Node node, size_t room = kPlenty, bool zero = false) {
    const Payload payload = ToPayload(Oracle(node));
    return set->Add({.node = node,
                     .weight = tree.Leaves(node).size() * 1.0,
                     .loss = OracleLoss(node),
                     .zero = zero,
                     .data = zero ? nullptr : &payload},
                    room);
  }

  void ExpectRoot() {
    ASSERT_TRUE(set->complete());
    EXPECT_EQ(set->root().weight, tree.leaves());
    EXPECT_EQ(set->root().loss, OracleLoss(tree.root()));
    if (set->root().zero) {
      EXPECT_TRUE(IsZero(tree.root()));
    } else {
      EXPECT_TRUE(SameBits(accumulator->values(), Oracle(tree.root())));
    }
    EXPECT_EQ(set->pooled(), 0u);
    EXPECT_EQ(memory.pooled_in_use(), 0u);
  }

  std::vector<Node> Nodes() const {
    std::vector<Node> nodes;
    for (uint32_t level = 0; level <= tree.root().level; ++level) {
      for (uint32_t index = 0; index < tree.leaves(); ++index) {
        if (tree.IsCanonical({level, index})) nodes.push_back({level, index});
      }
    }
    return nodes;
  }

  ChunkMemory memory{kElements + 5};
  Tree tree{1};
  uint64_t zeros_ = 0;
  std::unique_ptr<PartialSet> set;
  BufferRef accumulator;
};

TEST_F(PartialSetTest, AnyPartialsInAnyOrderGiveTheCanonicalSum) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    Start(1 + seed % 16, seed % 3 == 0 ? 0 : random() & random());
    const std::vector<Node> nodes = Nodes();
    while (!set->complete()) {
      const Node node = nodes[random() % nodes.size()];
      const bool covered = set->covered().ContainsAll(tree.Leaves(node));
      const bool zero = IsZero(node) && random() % 2 == 0;
      EXPECT_EQ(Push(node, kPlenty, zero), covered ? PartialSet::Outcome::kCovered : PartialSet::Outcome::kTaken);
    }
    ExpectRoot();
    set->Clear();
    EXPECT_TRUE(set->covered().empty());
  }
}

TEST_F(PartialSetTest, DropsWhatIsCovered) {
  Start(4);
  Push({1, 0});

  EXPECT_EQ(Push({0, 1}), PartialSet::Outcome::kCovered);

  Push({1, 1});
  ExpectRoot();
}

TEST_F(PartialSetTest, APartialReplacesThoseItCovers) {
  Start(4);
  Push({0, 0});
  Push({0, 2});
  EXPECT_EQ(set->pooled(), 1u);

  EXPECT_EQ(Push({1, 0}), PartialSet::Outcome::kTaken);
  EXPECT_EQ(Push({1, 1}), PartialSet::Outcome::kTaken);

  ExpectRoot();
}

TEST_F(PartialSetTest, RefusesAnotherSpelling) {
  Start(5);

  EXPECT_EQ(Push({2, 1}), PartialSet::Outcome::kTaken);
  Start(5);
  EXPECT_EQ(set->Add({.node = {0, 4}, .zero = true}, kPlenty), PartialSet::Outcome::kMisspelled);
  EXPECT_EQ(set->Add({.node = {77, 1u << 31}, .zero = true}, kPlenty), PartialSet::Outcome::kMisspelled);
  EXPECT_TRUE(set->covered().empty());
}

TEST_F(PartialSetTest, TakesNoMoreThanItHasRoomFor) {
  Start(8);
  EXPECT_EQ(Push({0, 0}, 0), PartialSet::Outcome::kTaken) << "the accumulator";

  EXPECT_EQ(Push({0, 2}, 0), PartialSet::Outcome::kNoRoom);
  EXPECT_FALSE(set->covered().Contains(2)) << "nothing changed";
  EXPECT_EQ(Push({0, 2}, 1), PartialSet::Outcome::kTaken);
  EXPECT_EQ(Push({0, 3}, 0), PartialSet::Outcome::kTaken) << "added in place";
  EXPECT_EQ(Push({1, 0}, 0), PartialSet::Outcome::kTaken) << "in the place of leaf 0";
  EXPECT_EQ(Push({2, 1}, 0), PartialSet::Outcome::kTaken);

  ExpectRoot();
  EXPECT_EQ(memory.pooled_peak(), 1u);
}

TEST_F(PartialSetTest, ZeroPartialsTakeNoBuffer) {
  Start(8, 0b01010101);

  for (uint32_t leaf = 0; leaf < 8; leaf += 2) EXPECT_EQ(Push({0, leaf}, 0, true), PartialSet::Outcome::kTaken);
  EXPECT_EQ(Push({0, 1}, 0), PartialSet::Outcome::kTaken);
  EXPECT_EQ(Push({0, 3}, 1), PartialSet::Outcome::kTaken) << "one for the moment of the joining";
  EXPECT_EQ(set->pooled(), 0u);
  EXPECT_EQ(Push({2, 1}, 0), PartialSet::Outcome::kTaken);

  ExpectRoot();
}

TEST_F(PartialSetTest, AllZeroIsZero) {
  Start(3, 0b111);

  Push({1, 0}, 0, true);
  Push({1, 1}, 0, true);

  ExpectRoot();
  EXPECT_TRUE(set->root().zero);
}

}  // namespace
}  // namespace banyan::server
