#ifndef BANYAN_TESTS_FUZZ_COVERAGE_H_
#define BANYAN_TESTS_FUZZ_COVERAGE_H_

#include <cstddef>

// Which ways through the code the inputs took. Counts what was compiled with -fsanitize-coverage=trace-pc
// (bazel --config=fuzz) on the thread that runs the inputs; without it, nothing is ever new.
namespace banyan::fuzz {

// Forgets the way of the last input.
void BeginInput();

// The number of steps of the last input's way that no input before took, in this order or as often (by powers of two).
size_t NewSteps();

}  // namespace banyan::fuzz

#endif  // BANYAN_TESTS_FUZZ_COVERAGE_H_
