// libFuzzer's entry for tables of numbers.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "worker/data/csv_numbers.h"

namespace banyan::worker {
namespace {

// The file's error, or nothing and its values.
std::string Read(std::string_view text, size_t block, std::vector<float>& values) {
  CsvNumbers numbers("fuzz.csv", 2);
  for (size_t at = 0; at < text.size(); at += block) {
    if (const absl::Status status = numbers.Add(text.substr(at, block)); !status.ok()) return status.ToString();
  }
  if (const absl::Status status = numbers.Finish(); !status.ok()) return status.ToString();
  CHECK_GE(numbers.columns(), 2u);
  const uint64_t expected = numbers.rows() * numbers.columns();
  values = std::move(numbers).TakeValues();
  CHECK_EQ(values.size(), expected);
  return "";
}

}  // namespace
}  // namespace banyan::worker

namespace banyan::fuzz {

std::vector<std::string> Seeds() {
  return {"1, 2 ,+3\r\n4,5,-.6\n-7e0,\t8.50,9", "\"x\",y1\r\n1,2\r\n", "\xEF\xBB\xBF" "1,2\n\n \r\n",
          "16777217,0.1\n1e-40,-1e-60\n3.4028235e38,-0"};
}

}  // namespace banyan::fuzz

// However the file is cut into blocks, the outcome is the same to the bit.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using banyan::worker::Read;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<float> whole;
  std::vector<float> cut;
  const std::string error = Read(text, size + 1, whole);
  CHECK_EQ(Read(text, 1 + size % 7, cut), error);
  CHECK_EQ(cut.size(), whole.size());
  for (size_t i = 0; i < cut.size(); ++i) {
    CHECK_EQ(std::bit_cast<uint32_t>(cut[i]), std::bit_cast<uint32_t>(whole[i]));
  }
  return 0;
}
