#ifndef BANYAN_COMMON_JOB_DATA_FACTS_H_
#define BANYAN_COMMON_JOB_DATA_FACTS_H_

#include <cstdint>
#include <string>

#include "common/model/build.h"

namespace banyan {

// What indexing the data found, the same for every worker of the job.
struct DataFacts {
  std::string hash;               // SHA-256 of the content that decides the samples, in hex
  uint64_t samples = 0;           // for training
  uint64_t held_out_samples = 0;  // for evaluation
  DataShape shape;

  friend bool operator==(const DataFacts&, const DataFacts&) = default;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_JOB_DATA_FACTS_H_
