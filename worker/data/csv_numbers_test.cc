#include "worker/data/csv_numbers.h"

#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

using Values = std::vector<float>;

// Parses `text` in blocks of `block` bytes.
absl::Status Parse(CsvNumbers& numbers, std::string_view text, size_t block = 1) {
  for (size_t at = 0; at < text.size(); at += block) {
    if (const absl::Status status = numbers.Add(text.substr(at, block)); !status.ok()) return status;
  }
  return numbers.Finish();
}

std::string Error(std::string_view text) {
  CsvNumbers numbers("data:a.csv", 2);
  return std::string(Parse(numbers, text).message());
}

Values Numbers(std::string_view text, size_t block = 1) {
  CsvNumbers numbers("data:a.csv", 2);
  const absl::Status status = Parse(numbers, text, block);
  EXPECT_TRUE(status.ok()) << status;
  return std::move(numbers).TakeValues();
}

TEST(CsvNumbersTest, ReadsRowsHoweverTheyAreCut) {
  const std::string_view text = "1, 2 ,+3\r\n4,5,-.6\n-7e0,\t8.50,9";
  for (size_t block = 1; block <= text.size(); ++block) {
    EXPECT_EQ(Numbers(text, block), Values({1, 2, 3, 4, 5, -0.6f, -7, 8.5f, 9})) << block;
  }
}

TEST(CsvNumbersTest, AHeaderIsAFirstLineWithoutNumbers) {
  EXPECT_EQ(Numbers("x,y\n1,2\n"), Values({1, 2}));
  EXPECT_EQ(Numbers("\"x\",y1\r\n1,2\r\n"), Values({1, 2}));
  EXPECT_EQ(Error("x,2\n1,2\n"), "data:a.csv:1:1: 'x', expected a number");
  EXPECT_EQ(Error("nan,inf\n1,2\n"), "data:a.csv:1:1: 'nan', expected a finite number that fp32 can hold");
  EXPECT_EQ(Error("x,\n1,2\n"), "data:a.csv:1:1: 'x', expected a number");
}

TEST(CsvNumbersTest, AByteOrderMarkAndEmptyLinesAtTheEndDoNotCount) {
  EXPECT_EQ(Numbers("\xEF\xBB\xBF" "1,2\n\n \r\n"), Values({1, 2}));
}

TEST(CsvNumbersTest, NumbersAreRoundedToFp32) {
  EXPECT_EQ(Numbers("16777217,0.1"), Values({16777216.0f, 0.1f}));
  EXPECT_EQ(Numbers("1e-40,-1e-60"), Values({1e-40f, -0.0f}));
  EXPECT_EQ(Numbers("3.4028235e38,-0"), Values({std::numeric_limits<float>::max(), 0.0f}));
}

TEST(CsvNumbersTest, ErrorsNameLineAndColumnAndWhatWasExpected) {
  EXPECT_EQ(Error("1,2\n3, abc\n"), "data:a.csv:2:4: 'abc', expected a number");
  EXPECT_EQ(Error("1,2\n3,0x10\n"), "data:a.csv:2:3: '0x10', expected a number");
  EXPECT_EQ(Error("1,2\n3,1.2.3\n"), "data:a.csv:2:3: '1.2.3', expected a number");
  EXPECT_EQ(Error("1,2\n3,+-1\n"), "data:a.csv:2:3: '+-1', expected a number");
  EXPECT_EQ(Error("1,2\n3,\n"), "data:a.csv:2:3: '', expected a number");
  EXPECT_EQ(Error("1,2\n\"3\",4\n"), "data:a.csv:2:1: '\"3\"', expected a number");
  EXPECT_EQ(Error("1,2\n3,nan\n"), "data:a.csv:2:3: 'nan', expected a finite number that fp32 can hold");
  EXPECT_EQ(Error("1,2\n-inf,3\n"), "data:a.csv:2:1: '-inf', expected a finite number that fp32 can hold");
  EXPECT_EQ(Error("1,2\n3,1e39\n"), "data:a.csv:2:3: '1e39', expected a finite number that fp32 can hold");
  EXPECT_EQ(Error("1,2\n3,1e999\n"), "data:a.csv:2:3: '1e999', expected a finite number that fp32 can hold");
  EXPECT_EQ(Error("1,2\n3\n"), "data:a.csv:2:1: 1 field, expected 2 as on the first line");
  EXPECT_EQ(Error("1,2\n\n\n3,4\n"), "data:a.csv:2:1: the line is empty, expected numbers");
  EXPECT_EQ(Error("1;2\n"),
            "data:a.csv:1:1: 1 field between commas, expected at least 2: one feature and the targets");
}

TEST(CsvNumbersTest, AFileWithoutRowsIsAnError) {
  EXPECT_EQ(Error("x,y\n"), "data:a.csv:1:1: the file ends without a row of numbers, expected at least one");
  EXPECT_EQ(Error("\n\n"), "data:a.csv:2:1: the file ends without a row of numbers, expected at least one");
}

TEST(CsvNumbersTest, BinaryFieldsAreQuotedBriefly) {
  const std::string field(1000, '\x01');
  EXPECT_EQ(Error("1,2\n3," + field), "data:a.csv:2:3: '" + std::string(32, '?') + "...', expected a number");
}

}  // namespace
}  // namespace banyan::worker
