#ifndef BANYAN_COMMON_RPC_TOKEN_H_
#define BANYAN_COMMON_RPC_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"

namespace banyan {

// The secret that the processes of a cluster share on loopback: whoever can read the file may speak. 64 hex digits.

// Reads the token; the file must belong to the caller and be closed to others (mode 0600), else PERMISSION_DENIED.
absl::StatusOr<std::string> ReadToken(const std::string& path);

// Makes a new random token and its file (mode 0600), or reads the one that is there.
absl::StatusOr<std::string> ReadOrCreateToken(const std::string& path);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_TOKEN_H_
