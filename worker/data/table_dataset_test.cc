#include "worker/data/table_dataset.h"

#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

using Row = std::vector<float>;

class TableDatasetTest : public DataTest {
 protected:
  absl::StatusOr<std::unique_ptr<TableDataset>> Open(const std::string& text,
                                                     const TableDataset::Options& options = {}) {
    Write("a.csv", text);
    const auto file = OpenFile("a.csv");
    if (!file.ok()) return file.status();
    return TableDataset::Open(*file, options);
  }
};

TEST_F(TableDatasetTest, TheLastColumnsAreTheTargets) {
  const auto data = Open("w,x,y,z\n1,2,3,4\n5,6,7,8\n", {.targets = 3});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 2u);
  EXPECT_EQ((*data)->facts().features, 1u);
  EXPECT_EQ((*data)->facts().targets, 3u);
  EXPECT_EQ((*data)->facts().vocabulary, 0u);
  EXPECT_EQ((*data)->input_bytes(), 4u);
  EXPECT_EQ((*data)->target_bytes(), 12u);
  EXPECT_EQ(ReadSample<float>(**data, DataPart::kTraining, 1), Row({5, 6, 7, 8}));
}

TEST_F(TableDatasetTest, HoldsOutTheLastRows) {
  const auto data = Open("1,1\n2,2\n3,3\n4,4\n", {.held_out = 0.25});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 3u);
  EXPECT_EQ((*data)->facts().held_out_samples, 1u);
  EXPECT_EQ(ReadSample<float>(**data, DataPart::kHeldOut, 0), Row({4, 4}));
}

TEST_F(TableDatasetTest, ErrorsOfTheFileAreThoseOfCsvNumbers) {
  EXPECT_EQ(Open("1,2\n3,x\n").status().message(), "data:a.csv:2:3: 'x', expected a number");
  EXPECT_EQ(Open("1,2\n", {.targets = 2}).status().message(),
            "data:a.csv:1:1: 2 fields between commas, expected at least 3: one feature and the targets");
  EXPECT_EQ(Open("1,2\n", {.held_out = 0.1}).status().message(),
            "data file 'data:a.csv' has 1 row, expected at least 2 to hold some out");
}

TEST_F(TableDatasetTest, AnotherHashForWhateverMakesOtherSamples) {
  const std::string text = "1,2,3\n4,5,6\n";
  const std::string hash = (*Open(text))->facts().hash;
  EXPECT_EQ(hash, Sha256Hex("table sha256=" + Sha256Hex(text) + " targets=1 training=2 held_out=0\n"));
  EXPECT_NE((*Open("1,2,3\n4,5,7\n"))->facts().hash, hash);
  EXPECT_NE((*Open(text, {.targets = 2}))->facts().hash, hash);
  EXPECT_NE((*Open(text, {.held_out = 0.5}))->facts().hash, hash);
}

}  // namespace
}  // namespace banyan::worker
