#ifndef BANYAN_TESTS_FUZZ_FUZZ_H_
#define BANYAN_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What a fuzz target gives to main.cc. The names are libFuzzer's, so that a target links with libFuzzer too.

// Runs the code under test on any bytes; a broken promise is a CHECK that fails.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace banyan::fuzz {

// Inputs to begin with, beside the files of a corpus. A target may leave it out.
__attribute__((weak)) std::vector<std::string> Seeds();

}  // namespace banyan::fuzz

#endif  // BANYAN_TESTS_FUZZ_FUZZ_H_
