#ifndef BANYAN_COMMON_DATA_DATA_FACTS_H_
#define BANYAN_COMMON_DATA_DATA_FACTS_H_

#include <cstdint>
#include <string>

namespace banyan {

// What is known of a job's data once it is indexed.
struct DataFacts {
  std::string hash;  // SHA-256 of the content that decides the samples, in hex
  uint64_t samples = 0;
  uint64_t held_out_samples = 0;
  uint64_t vocabulary = 0;  // 0 where the data are not tokens
  uint32_t features = 0;    // numbers a sample has; 0 where the data are tokens
  uint32_t targets = 0;

  friend bool operator==(const DataFacts&, const DataFacts&) = default;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_DATA_DATA_FACTS_H_
