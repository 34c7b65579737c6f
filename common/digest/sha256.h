#ifndef BANYAN_COMMON_DIGEST_SHA256_H_
#define BANYAN_COMMON_DIGEST_SHA256_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace banyan {

// SHA-256 (FIPS 180-4) of a stream of bytes. Thread-compatible.
class Sha256 {
 public:
  Sha256();

  void Update(std::span<const std::byte> bytes);
  void Update(std::string_view text) { Update(std::as_bytes(std::span(text))); }

  // 64 lower-case hex digits. The object is spent.
  std::string FinishHex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string Sha256Hex(std::string_view text);

}  // namespace banyan

#endif  // BANYAN_COMMON_DIGEST_SHA256_H_
