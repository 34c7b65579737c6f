#ifndef BANYAN_COMMON_RANDOM_RANDOM_KEY_H_
#define BANYAN_COMMON_RANDOM_RANDOM_KEY_H_

#include <cstdint>
#include <string_view>

namespace banyan {

// What random numbers are for. The values are part of every job's result: never change or reuse one.
enum class RandomPurpose : uint32_t {
  kInitialize = 1,  // initial weights; named by the parameter
  kDropout = 2,     // keep masks; named by the layer
  kShuffle = 3,     // the order of the samples; the step is the epoch, no name
  kSynthesize = 4,  // made-up data; named by its tensor
  kGenerate = 5,    // sampling of tokens; the step is the token's position
  kCompress = 6,    // stochastic rounding and random-k; named by the parameter
};

// Names one infinite sequence of random numbers, as common/random/random.h defines its elements. A plain value, to be
// handed to kernels on any device.
struct RandomKey {
  uint64_t seed = 0;    // Philox's key
  uint64_t stream = 0;  // the upper half of Philox's counter; the lower half is the block's number

  friend bool operator==(const RandomKey&, const RandomKey&) = default;
};

// XXH3-64 (seed 0) of the bytes of a layer's or parameter's name.
uint64_t NameHash(std::string_view name);

// The sequence for (seed, purpose, step, name). Its stream is XXH3-64 (seed 0) of 24 bytes, little-endian: purpose
// (u64), step (u64), name_hash (u64). Steps count from 1; 0 is before training.
RandomKey MakeRandomKey(uint64_t seed, RandomPurpose purpose, uint64_t step, uint64_t name_hash);

}  // namespace banyan

#endif  // BANYAN_COMMON_RANDOM_RANDOM_KEY_H_
