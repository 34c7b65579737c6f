// Runs a fuzz target over the corpus, and over each of its files cut short and with single bytes changed.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace banyan::config {
namespace {

void Fuzz(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::vector<std::string> Corpus() {
  std::vector<std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator("common/config/corpus")) {
    std::ifstream in(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

TEST(FuzzReplayTest, SurvivesTheCorpus) {
  const std::vector<std::string> inputs = Corpus();
  ASSERT_GE(inputs.size(), 5u);
  for (const std::string& input : inputs) Fuzz(input);
}

TEST(FuzzReplayTest, SurvivesInputsCutShort) {
  for (const std::string& input : Corpus()) {
    for (size_t size = 0; size < input.size(); size += 7) Fuzz(input.substr(0, size));
  }
}

TEST(FuzzReplayTest, SurvivesChangedBytes) {
  constexpr char kBytes[] = {'\0', '\n', '[', '{', '"', ':', '#', '&', '-', '9', '\xff', '\t'};
  for (const std::string& input : Corpus()) {
    for (size_t i = 0; i < input.size(); i += 5) {
      std::string changed = input;
      changed[i] = kBytes[i % std::size(kBytes)];
      Fuzz(changed);
    }
  }
}

TEST(FuzzReplayTest, SurvivesDeepNesting) {
  for (const std::string unit : {"[", "{", "- ", "? ", "a: [", "recipe {", "run { workers {", "{a: "}) {
    std::string input;
    while (input.size() < (1 << 16)) input += unit;
    Fuzz(input);
  }
}

}  // namespace
}  // namespace banyan::config
