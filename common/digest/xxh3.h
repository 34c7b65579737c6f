#ifndef BANYAN_COMMON_DIGEST_XXH3_H_
#define BANYAN_COMMON_DIGEST_XXH3_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct XXH3_state_s;

namespace banyan {

// XXH3-64 (xxHash 0.8) of one run of bytes.
uint64_t Xxh3(std::span<const std::byte> bytes, uint64_t seed = 0);

// The same over a stream: cuts do not matter. Thread-compatible.
class Xxh3Stream {
 public:
  explicit Xxh3Stream(uint64_t seed = 0);

  void Update(std::span<const std::byte> bytes);

  // Of everything so far; more may follow.
  uint64_t Digest() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_DIGEST_XXH3_H_
