#include "cli/report/hex_float.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

TEST(HexFloatTest, IsWrittenAsOthersReadIt) {
  EXPECT_EQ(HexFloat(3072), "0x1.8p+11");
  EXPECT_EQ(HexFloat(0), "0x0p+0");
  EXPECT_EQ(HexFloat(-0.0), "-0x0p+0");
  EXPECT_EQ(HexFloat(-0.1), "-0x1.999999999999ap-4");
  EXPECT_EQ(HexFloat(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(HexFloat(std::nan("")), "nan");
}

TEST(HexFloatTest, ReadsBackToTheSameBits) {
  for (const double value : {1.0 / 3, 5e-324, std::numeric_limits<double>::max(), -1e-310}) {
    EXPECT_EQ(std::strtod(HexFloat(value).c_str(), nullptr), value);
  }
}

}  // namespace
}  // namespace banyan::cli
