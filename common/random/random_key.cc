#include "common/random/random_key.h"

#include <xxhash.h>

#include <array>

namespace banyan {

uint64_t NameHash(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

RandomKey MakeRandomKey(uint64_t seed, RandomPurpose purpose, uint64_t step, uint64_t name_hash) {
  std::array<unsigned char, 24> bytes;
  const std::array<uint64_t, 3> words = {static_cast<uint64_t>(purpose), step, name_hash};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(words[i / 8] >> (i % 8 * 8));
  return {.seed = seed, .stream = XXH3_64bits(bytes.data(), bytes.size())};
}

}  // namespace banyan
