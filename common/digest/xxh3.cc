#include "common/digest/xxh3.h"

#include <xxhash.h>
// After it: replaces its functions by those that pick the vector instructions of this processor.
#include <xxh_x86dispatch.h>

#include "common/base/check.h"

namespace banyan {

uint64_t Xxh3(std::span<const std::byte> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

void Xxh3Stream::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

Xxh3Stream::Xxh3Stream(uint64_t seed) : state_(XXH3_createState()) {
  CHECK(state_ != nullptr);
  CHECK_EQ(XXH3_64bits_reset_withSeed(state_.get(), seed), XXH_OK);
}

void Xxh3Stream::Update(std::span<const std::byte> bytes) {
  CHECK_EQ(XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()), XXH_OK);
}

uint64_t Xxh3Stream::Digest() const { return XXH3_64bits_digest(state_.get()); }

}  // namespace banyan
