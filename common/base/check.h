#ifndef BANYAN_COMMON_BASE_CHECK_H_
#define BANYAN_COMMON_BASE_CHECK_H_

#include <sstream>
#include <string>

namespace banyan::internal {

// Prints `file:line: check failed: text` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const std::string& text);

template <typename A, typename B>
std::string DescribePair(const char* text, const A& a, const B& b) {
  std::ostringstream out;
  out << text << " (" << a << " vs " << b << ")";
  return out.str();
}

}  // namespace banyan::internal

// A broken invariant of our own: dies with the place and the values. Never for bytes that come from the network, a
// file or a person: those are absl::Status. Active in every build.
#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) [[unlikely]] {                                          \
      ::banyan::internal::CheckFailed(__FILE__, __LINE__, #condition);        \
    }                                                                         \
  } while (false)

#define BANYAN_CHECK_OP(a, op, b)                                                                        \
  do {                                                                                                   \
    const auto& banyan_check_a = (a);                                                                    \
    const auto& banyan_check_b = (b);                                                                    \
    if (!(banyan_check_a op banyan_check_b)) [[unlikely]] {                                              \
      ::banyan::internal::CheckFailed(                                                                   \
          __FILE__, __LINE__,                                                                            \
          ::banyan::internal::DescribePair(#a " " #op " " #b, banyan_check_a, banyan_check_b));          \
    }                                                                                                    \
  } while (false)

#define CHECK_EQ(a, b) BANYAN_CHECK_OP(a, ==, b)
#define CHECK_NE(a, b) BANYAN_CHECK_OP(a, !=, b)
#define CHECK_LT(a, b) BANYAN_CHECK_OP(a, <, b)
#define CHECK_LE(a, b) BANYAN_CHECK_OP(a, <=, b)
#define CHECK_GT(a, b) BANYAN_CHECK_OP(a, >, b)
#define CHECK_GE(a, b) BANYAN_CHECK_OP(a, >=, b)

#endif  // BANYAN_COMMON_BASE_CHECK_H_
