#include "common/checkpoint/layout.h"

#include <string_view>

#include "common/checkpoint/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;
using Kind = CheckpointTensor::Kind;

std::vector<CheckpointTensor> Model() {
  return {{"w", DType::kF32, {2, 3}, Kind::kTrainable, {"m", "v"}},
          {"mean", DType::kF64, {4}, Kind::kStatistic, {}},
          {"b", DType::kF32, {3}, Kind::kTrainable, {"m", "v"}}};
}

TEST(CheckpointLayoutTest, PlacesAgreeWithTheHeaders) {
  const CheckpointLayout layout = CheckpointLayout::Create(Model()).value();
  size_t count = 0;
  for (size_t file = 0; file < layout.files().size(); ++file) {
    const auto& entry = layout.files()[file];
    const auto header = ParseSafetensorsHeader(std::string_view(entry.header).substr(8), entry.size);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->metadata.at("format"), "pt");
    for (const auto& tensor : header->tensors) {
      const CheckpointLayout::Place* place = layout.Find(tensor.name);
      ASSERT_NE(place, nullptr) << tensor.name;
      EXPECT_EQ(place->file, file);
      EXPECT_EQ(place->offset, tensor.begin);
      EXPECT_EQ(place->OffsetOf(place->elements), tensor.end);
      EXPECT_EQ(place->offset % static_cast<uint64_t>(SizeOf(place->dtype)), 0) << "aligned";
      ++count;
    }
  }
  EXPECT_EQ(count, layout.places().size());
  EXPECT_EQ(count, 3 + 4 + 1) << "parameters and statistics, slots, step";
}

TEST(CheckpointLayoutTest, KeepsSlotsAndStepApartFromWeights) {
  const CheckpointLayout layout = CheckpointLayout::Create(Model()).value();
  EXPECT_EQ(layout.files()[CheckpointLayout::kModelFile].name, "model.safetensors");
  EXPECT_EQ(layout.Find("mean")->file, CheckpointLayout::kModelFile);
  EXPECT_EQ(layout.Find("w.v")->file, CheckpointLayout::kOptimizerFile);
  EXPECT_EQ(layout.Find("step")->file, CheckpointLayout::kOptimizerFile);
  EXPECT_EQ(layout.Find("step")->elements, 1);
  EXPECT_EQ(layout.Find("w.v")->OffsetOf(2) - layout.Find("w.v")->offset, 8);
  EXPECT_EQ(layout.Find("none"), nullptr);
}

TEST(CheckpointLayoutTest, DoesNotDependOnTheOrderGiven) {
  std::vector<CheckpointTensor> reversed = Model();
  std::swap(reversed.front(), reversed.back());
  const CheckpointLayout a = CheckpointLayout::Create(Model()).value();
  const CheckpointLayout b = CheckpointLayout::Create(reversed).value();
  EXPECT_EQ(a.files()[0].header, b.files()[0].header);
  EXPECT_EQ(a.files()[1].header, b.files()[1].header);
  EXPECT_EQ(a.tensors(), b.tensors());
}

TEST(CheckpointLayoutTest, RefusesNamesThatMeet) {
  std::vector<CheckpointTensor> tensors = Model();
  tensors.push_back({"w.m", DType::kF32, {1}, Kind::kFrozen, {}});
  EXPECT_THAT(std::string(CheckpointLayout::Create(tensors).status().message()), HasSubstr("'w.m' is used twice"));
  EXPECT_FALSE(CheckpointLayout::Create({{"step", DType::kF32, {1}, Kind::kFrozen, {}}}).ok());
  EXPECT_FALSE(CheckpointLayout::Create({{"x", DType::kF32, {1}, Kind::kFrozen, {"m"}}}).ok());
}

}  // namespace
}  // namespace banyan
