#ifndef BANYAN_COMMON_MODEL_INITIALIZE_H_
#define BANYAN_COMMON_MODEL_INITIALIZE_H_

#include <cstdint>
#include <span>

#include "common/model/graph.h"

namespace banyan {

// Weights @0 of elements [first_element, first_element + out.size()) of `parameter`: a function of (seed, the
// parameter's name, the element's index) alone, so the same under every layout, on every instruction set.
// With the key (seed, kInitialize, step 0, name) of common/random, element i is
//   constant  value
//   normal    stddev * Normal(i)
//   uniform   limit * (2 * Uniform(i) - 1)
// computed in fp64; rounded once where `out` is float. Pure; ranges may be made on any threads.
void Initialize(uint64_t seed, const Parameter& parameter, int64_t first_element, std::span<float> out);
void Initialize(uint64_t seed, const Parameter& parameter, int64_t first_element, std::span<double> out);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_INITIALIZE_H_
