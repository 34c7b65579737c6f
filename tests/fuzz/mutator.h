#ifndef BANYAN_TESTS_FUZZ_MUTATOR_H_
#define BANYAN_TESTS_FUZZ_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace banyan::fuzz {

// Changes inputs at random: bits, bytes, numbers of the wire, ranges left out, repeated or taken from another input.
// The same seed and calls give the same inputs.
class Mutator {
 public:
  Mutator(uint64_t seed, size_t max_bytes) : random_(seed), max_bytes_(max_bytes) {}

  // One of `inputs`, which has one at least, changed one to eight times; at most max_bytes long.
  std::string Next(const std::vector<std::string>& inputs);

 private:
  size_t Below(size_t bound) { return static_cast<size_t>(random_() % bound); }
  void Change(std::string& input, const std::string& other);
  void ChangeNumber(std::string& input);

  std::mt19937_64 random_;
  const size_t max_bytes_;
};

}  // namespace banyan::fuzz

#endif  // BANYAN_TESTS_FUZZ_MUTATOR_H_
