#include "common/math/elementary.h"

#include <bit>
#include <cstdint>
#include <limits>

namespace banyan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t kMantissa = (uint64_t{1} << 52) - 1;

bool IsNaN(double x) { return x != x; }

double Magnitude(double x) { return std::bit_cast<double>(std::bit_cast<uint64_t>(x) & (~uint64_t{0} >> 1)); }

bool IsNegative(double x) { return std::bit_cast<uint64_t>(x) >> 63 != 0; }

// 2^k for -1022 <= k <= 1023.
double PowerOfTwo(int k) { return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52); }

// x * 2^k for x near 1 and -1100 < k < 1100, rounded once.
double Scale(double x, int k) {
  if (k > 1023) return x * PowerOfTwo(1023) * PowerOfTwo(k - 1023);
  // 54 spare bits keep the first product normal, so that only the second one rounds.
  if (k < -1022) return x * PowerOfTwo(k + 54 < -1022 ? -1022 : k + 54) * PowerOfTwo(k + 54 < -1022 ? k + 1022 : -54);
  return x * PowerOfTwo(k);
}

// x = mantissa * 2^exponent with mantissa in [sqrt(1/2), sqrt(2)); x positive and finite.
struct Split {
  double mantissa;
  int exponent;
};

Split SplitExponent(double x) {
  int exponent = 0;
  if (x < PowerOfTwo(-1022)) {
    x *= PowerOfTwo(54);
    exponent = -54;
  }
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  exponent += static_cast<int>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & kMantissa) | (uint64_t{1023} << 52));
  if (mantissa > 0x1.6a09e667f3bcdp+0) {
    mantissa *= 0.5;
    ++exponent;
  }
  return {mantissa, exponent};
}

// An unevaluated sum high + low, |low| <= ulp(high) / 2.
struct Double2 {
  double high;
  double low;
};

Double2 TwoSum(double a, double b) {
  const double sum = a + b;
  const double part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

// Exact product without fma: Veltkamp's split. |a|, |b| < 2^970.
Double2 TwoProduct(double a, double b) {
  constexpr double kSplitter = 134217729.0;  // 2^27 + 1
  const double scaled_a = kSplitter * a;
  const double high_a = scaled_a - (scaled_a - a);
  const double low_a = a - high_a;
  const double scaled_b = kSplitter * b;
  const double high_b = scaled_b - (scaled_b - b);
  const double low_b = b - high_b;
  const double product = a * b;
  return {product, ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b};
}

Double2 Add(Double2 a, Double2 b) {
  const Double2 sum = TwoSum(a.high, b.high);
  return TwoSum(sum.high, sum.low + (a.low + b.low));
}

Double2 Multiply(Double2 a, Double2 b) {
  const Double2 product = TwoProduct(a.high, b.high);
  return TwoSum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

// ln(2) = kLn2High + kLn2Low; the first has 32 bits, so its products with exponents are exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// log(x) with about 66 bits, for x positive and finite: 2 atanh(s), s = (m - 1) / (m + 1).
Double2 LogDouble2(double x) {
  const auto [mantissa, exponent] = SplitExponent(x);
  const double f = mantissa - 1.0;
  const Double2 divisor = TwoSum(2.0, f);
  const double quotient = f / divisor.high;
  const Double2 back = TwoProduct(quotient, divisor.high);
  const Double2 s = {quotient, ((f - back.high) - back.low - quotient * divisor.low) / divisor.high};
  const Double2 z = Multiply(s, s);
  double tail = 0.0;
  for (int n = 29; n >= 7; n -= 2) tail = tail * z.high + 1.0 / n;
  Double2 series = Multiply(z, {tail, 0.0});
  series = Multiply(z, Add({0x1.999999999999ap-3, -0x1.999999999999ap-57}, series));
  series = Multiply(z, Add({0x1.5555555555555p-2, 0x1.5555555555555p-56}, series));
  const Double2 twice = {2.0 * s.high, 2.0 * s.low};
  const Double2 log_mantissa = Add(twice, Multiply(twice, series));
  const double k = exponent;
  return Add(Add({k * kLn2High, 0.0}, TwoProduct(k, kLn2Low)), log_mantissa);
}

// e^(x + low) for |x| < 1000 and |low| <= ulp(x).
double ExpSum(double x, double low) {
  constexpr double kP1 = 1.66666666666666019037e-01;
  constexpr double kP2 = -2.77777777770155933842e-03;
  constexpr double kP3 = 6.61375632143793436117e-05;
  constexpr double kP4 = -1.65339022054652515390e-06;
  constexpr double kP5 = 4.13813679705723846039e-08;
  int k = 0;
  double rest_low = -low;
  double rest_high = x;
  if (Magnitude(x) > 0.34657359027997265) {
    k = static_cast<int>(x * 0x1.71547652b82fep+0 + (x < 0 ? -0.5 : 0.5));
    rest_high = x - k * kLn2High;
    rest_low = k * kLn2Low - low;
  }
  const double r = rest_high - rest_low;
  const double rr = r * r;
  const double c = r - rr * (kP1 + rr * (kP2 + rr * (kP3 + rr * (kP4 + rr * kP5))));
  return Scale(1.0 + (r * c / (2.0 - c) - rest_low + rest_high), k);
}

// Sine and cosine of x + low, |x| <= pi/4 or a hair more.
double SinKernel(double x, double low) {
  constexpr double kS1 = -1.66666666666666324348e-01;
  constexpr double kS2 = 8.33333333332248946124e-03;
  constexpr double kS3 = -1.98412698298579493134e-04;
  constexpr double kS4 = 2.75573137070700676789e-06;
  constexpr double kS5 = -2.50507602534068634195e-08;
  constexpr double kS6 = 1.58969099521155010221e-10;
  const double z = x * x;
  const double w = z * z;
  const double r = kS2 + z * (kS3 + z * kS4) + z * w * (kS5 + z * kS6);
  const double v = z * x;
  return x - ((z * (0.5 * low - v * r) - low) - v * kS1);
}

double CosKernel(double x, double low) {
  constexpr double kC1 = 4.16666666666666019037e-02;
  constexpr double kC2 = -1.38888888888741095749e-03;
  constexpr double kC3 = 2.48015872894767294178e-05;
  constexpr double kC4 = -2.75573143513906633035e-07;
  constexpr double kC5 = 2.08757232129817482790e-09;
  constexpr double kC6 = -1.13596475577881948265e-11;
  const double z = x * x;
  const double w = z * z;
  const double r = z * (kC1 + z * (kC2 + z * kC3)) + w * w * (kC4 + z * (kC5 + z * kC6));
  const double half = 0.5 * z;
  const double head = 1.0 - half;
  return head + (((1.0 - head) - half) + (z * r - x * low));
}

// x = quadrant * pi/2 + rest. The first three parts of pi/2 have 33 bits each: their products with |quadrant| < 2^20
// are exact, and so are the differences but for the errors that TwoSum keeps.
struct Reduced {
  Double2 rest;
  int quadrant;  // mod 4
};

Reduced ReduceAngle(double x) {
  const int n = static_cast<int>(x * 0x1.45f306dc9c883p-1 + (x < 0 ? -0.5 : 0.5));
  const double first = x - n * 0x1.921fb544p+0;
  const Double2 second = TwoSum(first, -(n * 0x1.0b4611a6p-34));
  const Double2 third = TwoSum(second.high, -(n * 0x1.3198a2ep-69));
  const Double2 rest = TwoSum(third.high, second.low + third.low - n * 0x1.b839a252049c1p-104);
  return {rest, n & 3};
}

double SinOfQuadrant(Double2 rest, int quadrant) {
  const double value = quadrant % 2 == 0 ? SinKernel(rest.high, rest.low) : CosKernel(rest.high, rest.low);
  return quadrant >= 2 ? -value : value;
}

// Every double from 2^53 on is an even integer.
bool IsInteger(double y) {
  return Magnitude(y) >= 0x1p53 || static_cast<double>(static_cast<int64_t>(y)) == y;
}

bool IsOddInteger(double y) { return Magnitude(y) < 0x1p53 && IsInteger(y) && static_cast<int64_t>(y) % 2 != 0; }

// x^y for x positive and finite and y finite.
double PositivePow(double x, double y) {
  const Double2 log_x = LogDouble2(x);
  // Past here |y * log(x)| < 760, so y is below 2^63 and TwoProduct cannot overflow.
  const double estimate = y * log_x.high;
  if (estimate > 720.0) return kInfinity;
  if (estimate < -760.0) return 0.0;
  const Double2 product = TwoProduct(y, log_x.high);
  const Double2 exponent = TwoSum(product.high, product.low + y * log_x.low);
  return ExpSum(exponent.high, exponent.low);
}

}  // namespace

double Log(double x) {
  if (IsNaN(x) || x < 0.0) return kNaN;
  if (x == 0.0) return -kInfinity;
  if (x == kInfinity) return x;
  constexpr double kL1 = 6.666666666666735130e-01;
  constexpr double kL2 = 3.999999999940941908e-01;
  constexpr double kL3 = 2.857142874366239149e-01;
  constexpr double kL4 = 2.222219843214978396e-01;
  constexpr double kL5 = 1.818357216161805012e-01;
  constexpr double kL6 = 1.531383769920937332e-01;
  constexpr double kL7 = 1.479819860511658591e-01;
  const auto [mantissa, exponent] = SplitExponent(x);
  const double k = exponent;
  const double f = mantissa - 1.0;
  const double half_square = 0.5 * f * f;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double even = w * (kL2 + w * (kL4 + w * kL6));
  const double odd = z * (kL1 + w * (kL3 + w * (kL5 + w * kL7)));
  return s * (half_square + (odd + even)) + k * kLn2Low - half_square + f + k * kLn2High;
}

double Exp(double x) {
  if (IsNaN(x)) return kNaN;
  if (x > 709.782712893383973096) return kInfinity;
  if (x < -745.13321910194110842) return 0.0;
  return ExpSum(x, 0.0);
}

double Sin(double x) {
  if (!(Magnitude(x) <= kMaxAngle)) return kNaN;
  if (Magnitude(x) < 0x1p-26) return x;  // keeps -0 and denormals
  const Reduced reduced = ReduceAngle(x);
  return SinOfQuadrant(reduced.rest, reduced.quadrant);
}

double Cos(double x) {
  if (!(Magnitude(x) <= kMaxAngle)) return kNaN;
  const Reduced reduced = ReduceAngle(x);
  return SinOfQuadrant(reduced.rest, (reduced.quadrant + 1) & 3);
}

double Pow(double x, double y) {
  if (y == 0.0 || x == 1.0) return 1.0;
  if (IsNaN(x) || IsNaN(y)) return kNaN;
  const double base = Magnitude(x);
  if (Magnitude(y) == kInfinity) {
    if (base == 1.0) return 1.0;
    return (base > 1.0) == (y > 0.0) ? kInfinity : 0.0;
  }
  const bool flip = IsNegative(x) && IsOddInteger(y);
  double result = 0.0;
  if (base == 0.0 || base == kInfinity) {
    result = (base == 0.0) == (y > 0.0) ? 0.0 : kInfinity;
  } else {
    if (x < 0.0 && !IsInteger(y)) return kNaN;
    result = PositivePow(base, y);
  }
  return flip ? -result : result;
}

}  // namespace banyan
