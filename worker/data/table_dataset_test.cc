#include "worker/data/table_dataset.h"

#include <array>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

const TableDataset::Options kOptions{.path = "", .name = "data:a.csv"};

std::string Error(std::string_view text, const TableDataset::Options& options = kOptions) {
  return std::string(TableDataset::Parse(text, options).status().message());
}

std::vector<float> Row(const TableDataset& data, DataPart part, uint64_t sample) {
  std::vector<float> input(data.facts().features);
  std::vector<float> target(data.facts().targets);
  data.Read(part, sample, std::as_writable_bytes(std::span(input)), std::as_writable_bytes(std::span(target)));
  input.insert(input.end(), target.begin(), target.end());
  return input;
}

TEST(TableDatasetTest, ReadsRowsWithOrWithoutAHeader) {
  for (const char* text : {"x,y,z\n1,2,3\n4,5,-6e-1\n", "1, 2 ,+3\r\n4,5,-.6"}) {
    const auto data = TableDataset::Parse(text, kOptions);
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ((*data)->facts().samples, 2u);
    EXPECT_EQ((*data)->facts().features, 2u);
    EXPECT_EQ((*data)->facts().targets, 1u);
    EXPECT_EQ(Row(**data, DataPart::kTraining, 0), std::vector<float>({1, 2, 3}));
    EXPECT_EQ(Row(**data, DataPart::kTraining, 1), std::vector<float>({4, 5, -0.6f}));
  }
}

TEST(TableDatasetTest, HoldsOutTheLastRows) {
  TableDataset::Options options = kOptions;
  options.held_out = 0.25;
  const auto data = TableDataset::Parse("1,1\n2,2\n3,3\n4,4\n", options);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ((*data)->facts().samples, 3u);
  EXPECT_EQ((*data)->facts().held_out_samples, 1u);
  EXPECT_EQ(Row(**data, DataPart::kHeldOut, 0), std::vector<float>({4, 4}));
}

TEST(TableDatasetTest, ErrorsNameLineAndColumn) {
  EXPECT_EQ(Error("1,2\n3,abc\n"), "data:a.csv:2:3: 'abc' is not a finite fp32 number");
  EXPECT_EQ(Error("1,2\n3,nan\n"), "data:a.csv:2:3: 'nan' is not a finite fp32 number");
  EXPECT_EQ(Error("1,2\n3,1e99\n"), "data:a.csv:2:3: '1e99' is not a finite fp32 number");
  EXPECT_EQ(Error("1,2\n3,\n"), "data:a.csv:2:3: '' is not a finite fp32 number");
  EXPECT_EQ(Error("1,2\n3\n"), "data:a.csv:2:1: the line has 1 columns, expected 2");
  EXPECT_EQ(Error("1,2\n\n3,4\n"), "data:a.csv:2:1: the line is empty, expected numbers");
  EXPECT_EQ(Error("1,x\n3,4\n"), "data:a.csv:1:3: 'x' is not a finite fp32 number");
  EXPECT_EQ(Error("1\n2\n"), "data:a.csv:1:1: the line has 1 columns, 1 targets and at least one feature are expected");
}

TEST(TableDatasetTest, AFileWithoutRowsIsAnError) {
  EXPECT_EQ(Error("x,y\n"), "table 'data:a.csv' has no rows, expected at least one");
  EXPECT_EQ(Error(""), "table 'data:a.csv' has no rows, expected at least one");
}

TEST(TableDatasetTest, AnyByteChangesTheHash) {
  EXPECT_NE((*TableDataset::Parse("1,2\n", kOptions))->facts().hash,
            (*TableDataset::Parse("1,3\n", kOptions))->facts().hash);
}

}  // namespace
}  // namespace banyan::worker
