#include "common/math/elementary.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace banyan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kDenormal = std::numeric_limits<double>::denorm_min();

// Distance in units of the last place of the true value, which the C library gives in 64 bits of mantissa.
double UlpError(double value, long double truth) {
  if (value == static_cast<double>(truth)) return 0.0;
  const long double size = std::max<long double>(std::fabs(truth), DBL_MIN);
  int exponent = 0;
  std::frexp(size, &exponent);
  return static_cast<double>(std::fabs(value - truth) / std::ldexp(1.0L, exponent - 53));
}

// Quasi-random points in (0, 1): the fractional parts of multiples of the golden ratio.
double Point(uint64_t i) { return (static_cast<double>((i * 0x9e3779b97f4a7c15u) >> 11) + 0.5) * 0x1p-53; }

// FNV-1a over the bits of results: the golden values below are what every machine must give.
class BitHash {
 public:
  void Add(double value) {
    for (int shift = 0; shift < 64; shift += 8) {
      hash_ = (hash_ ^ ((std::bit_cast<uint64_t>(value) >> shift) & 0xff)) * 0x100000001b3u;
    }
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

constexpr int kPoints = 200000;

TEST(ElementaryTest, LogIsWithinOneUlp) {
  double worst = 0.0;
  for (int i = 0; i < kPoints; ++i) {
    for (const double x : {Point(i), 0.5 + Point(i), Point(i) * 1e6, std::ldexp(Point(i), i % 2100 - 1050)}) {
      worst = std::max(worst, UlpError(Log(x), std::log(static_cast<long double>(x))));
    }
  }
  EXPECT_LE(worst, 1.0);
}

TEST(ElementaryTest, ExpIsWithinOneUlp) {
  double worst = 0.0;
  for (int i = 0; i < kPoints; ++i) {
    for (const double x : {Point(i) - 0.5, (Point(i) - 0.5) * 40, Point(i) * 1454 - 745, (Point(i) - 0.5) * 1e-9}) {
      worst = std::max(worst, UlpError(Exp(x), std::exp(static_cast<long double>(x))));
    }
  }
  EXPECT_LE(worst, 1.0);
}

TEST(ElementaryTest, SinAndCosAreWithinOneUlp) {
  double worst = 0.0;
  const auto check = [&](double x) {
    worst = std::max(worst, UlpError(Sin(x), std::sin(static_cast<long double>(x))));
    worst = std::max(worst, UlpError(Cos(x), std::cos(static_cast<long double>(x))));
  };
  for (int i = 0; i < kPoints; ++i) {
    check(Point(i) * 2 * kPi);
    check((Point(i) - 0.5) * 200);
    check((Point(i) - 0.5) * 2 * kMaxAngle);
    check(i * (kPi / 2));  // as near to the zeros as doubles come
    check(std::nextafter(i * (kPi / 4), kInfinity));
  }
  EXPECT_LE(worst, 1.0);
}

TEST(ElementaryTest, PowIsWithinOneUlp) {
  double worst = 0.0;
  const auto check = [&](double x, double y) {
    worst = std::max(worst, UlpError(Pow(x, y), std::pow(static_cast<long double>(x), static_cast<long double>(y))));
  };
  for (int i = 0; i < kPoints; ++i) {
    check(Point(i) * 4, (Point(3 * i + 1) - 0.5) * 600);
    check(std::ldexp(0.5 + Point(i), i % 200 - 100), (Point(7 * i + 1) - 0.5) * 20);
    check(0.9 + Point(i % 64) * 0.1, i);  // the powers of Adam's betas
    check(1.0 + (Point(i) - 0.5) * 1e-9, (Point(5 * i + 1) - 0.5) * 1e11);
  }
  EXPECT_LE(worst, 1.0);
}

TEST(ElementaryTest, PowOfSmallIntegersIsExact) {
  for (int base = 1; base <= 30; ++base) {
    double expected = 1.0;
    for (int exponent = 0; expected < 0x1p53; ++exponent, expected *= base) {
      EXPECT_EQ(Pow(base, exponent), expected) << base << "^" << exponent;
      EXPECT_EQ(Pow(-base, exponent), exponent % 2 == 0 ? expected : -expected) << -base << "^" << exponent;
      if (base == 1 && exponent == 5) break;
    }
  }
}

TEST(ElementaryTest, SpecialValuesOfLogAndExp) {
  EXPECT_EQ(Log(0.0), -kInfinity);
  EXPECT_EQ(Log(-0.0), -kInfinity);
  EXPECT_EQ(Log(kInfinity), kInfinity);
  EXPECT_EQ(Bits(Log(1.0)), Bits(0.0));
  EXPECT_EQ(Bits(Log(-1.0)), Bits(kNaN));
  EXPECT_EQ(Bits(Log(-kNaN)), Bits(kNaN));
  EXPECT_EQ(Log(kDenormal), -744.4400719213812);
  EXPECT_EQ(Exp(0.0), 1.0);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_EQ(Exp(709.79), kInfinity);
  EXPECT_EQ(Exp(709.78), std::exp(709.78));
  EXPECT_EQ(Bits(Exp(-kInfinity)), Bits(0.0));
  EXPECT_EQ(Exp(-745.13), kDenormal);
  EXPECT_EQ(Exp(-746.0), 0.0);
  EXPECT_EQ(Bits(Exp(-kNaN)), Bits(kNaN));
}

TEST(ElementaryTest, SpecialValuesOfSinAndCos) {
  EXPECT_EQ(Bits(Sin(0.0)), Bits(0.0));
  EXPECT_EQ(Bits(Sin(-0.0)), Bits(-0.0));
  EXPECT_EQ(Sin(kDenormal), kDenormal);
  EXPECT_EQ(Cos(0.0), 1.0);
  EXPECT_EQ(Cos(kPi), -1.0);
  EXPECT_EQ(Cos(2 * kPi), 1.0);
  for (const double x : {kInfinity, -kInfinity, -kNaN, std::nextafter(kMaxAngle, 2e6)}) {
    EXPECT_EQ(Bits(Sin(x)), Bits(kNaN)) << x;
    EXPECT_EQ(Bits(Cos(x)), Bits(kNaN)) << x;
  }
}

TEST(ElementaryTest, SpecialValuesOfPowAreThoseOfC) {
  const double values[] = {0.0,  -0.0, 1.0,       -1.0,       0.5,   -0.5,  2.0,       -2.0,  3.0, -3.0,
                           -7.5, 1e9,  kInfinity, -kInfinity, 1e300, -1e300, kDenormal, 0x1p53, 0x1p53 - 1};
  for (const double x : values) {
    for (const double y : values) {
      const double expected = std::pow(x, y);
      if (std::isnan(expected)) {
        EXPECT_EQ(Bits(Pow(x, y)), Bits(kNaN)) << x << "^" << y;
      } else if (expected == 0.0 || std::isinf(expected)) {
        EXPECT_EQ(Bits(Pow(x, y)), Bits(expected)) << x << "^" << y;
      } else {
        EXPECT_LE(UlpError(Pow(x, y), expected), 1.0) << x << "^" << y;
      }
    }
    EXPECT_EQ(Pow(1.0, kNaN), 1.0);
    EXPECT_EQ(Pow(kNaN, 0.0), 1.0);
    EXPECT_EQ(Bits(Pow(-kNaN, 2.0)), Bits(kNaN));
    EXPECT_EQ(Bits(Pow(2.0, -kNaN)), Bits(kNaN));
  }
}

// The contract itself: these bits come out on every instruction set, compiler and optimisation level.
TEST(ElementaryTest, BitsAreTheSameEverywhere) {
  BitHash log;
  BitHash exp;
  BitHash sin;
  BitHash pow;
  for (int i = 0; i < 20000; ++i) {
    log.Add(Log(std::ldexp(Point(i), i % 2100 - 1050)));
    exp.Add(Exp(Point(i) * 1454 - 745));
    sin.Add(Sin((Point(i) - 0.5) * 2 * kMaxAngle));
    sin.Add(Cos(Point(i) * 2 * kPi));
    pow.Add(Pow(Point(i) * 4, (Point(3 * i + 1) - 0.5) * 600));
  }
  EXPECT_EQ(log.hash(), 0xca920825e849404du);
  EXPECT_EQ(exp.hash(), 0xa151e5a2e7f54d3du);
  EXPECT_EQ(sin.hash(), 0x3ce85ed5cade40c9u);
  EXPECT_EQ(pow.hash(), 0xa45b0bb974e92bf0u);
}

}  // namespace
}  // namespace banyan
