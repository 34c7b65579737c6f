#ifndef BANYAN_COMMON_MATH_ELEMENTARY_H_
#define BANYAN_COMMON_MATH_ELEMENTARY_H_

#include <cmath>

namespace banyan {

// Elementary functions in fp64 that give the same bits on every instruction set, compiler and device: only IEEE
// + - * / and conversions, no libm, no fma, no tables. Initialisers, schedules and update rules use these and never
// std::log and its kin, whose bits depend on the C library and on the CPU it finds.
//
// Each is within 1 ulp of the true value wherever the result is a normal number (within 1 ulp plus half the smallest
// denormal below). A NaN is always the one positive quiet NaN without payload. Pure and thread-safe.
//
// The polynomials and reductions of Log, Exp, Sin and Cos are those of Sun's fdlibm (freely granted; K.C. Ng 1993); Pow
// is the exponential of y * log(x) in double-double arithmetic (Dekker 1971).

// Natural logarithm. Log(+-0) = -inf, Log(x < 0) = NaN, Log(+inf) = +inf.
double Log(double x);

// e^x. Above 709.78 +inf, below -745.13 0, between -708.4 and that a denormal.
double Exp(double x);

// Sine and cosine of x radians for |x| <= kMaxAngle; NaN beyond, where a caller has lost its angle's digits anyway.
inline constexpr double kMaxAngle = 1e6;
double Sin(double x);
double Cos(double x);

// x^y with every special case of C's pow (IEEE 754-2019, 9.2.1): Pow(x, 0) = Pow(1, y) = 1 even for NaN; a negative x
// needs an integral y, else NaN.
double Pow(double x, double y);

// IEEE square root, correctly rounded: here so that nobody wonders whether std::sqrt is allowed.
inline double Sqrt(double x) { return std::sqrt(x); }

inline constexpr double kPi = 3.14159265358979323846;

}  // namespace banyan

#endif  // BANYAN_COMMON_MATH_ELEMENTARY_H_
