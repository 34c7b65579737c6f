#ifndef BANYAN_COORDINATOR_STORE_WAL_FILE_H_
#define BANYAN_COORDINATOR_STORE_WAL_FILE_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "common/file/file_system.h"

namespace banyan::coordinator {

// What SQLite's write-ahead log holds, read as SQLite reads it, before SQLite does.
// https://www.sqlite.org/fileformat2.html#the_write_ahead_log:
//
//   log    = header frame*
//   header = magic version page_size checkpoints salt (8 bytes) checksum (8)            (u32 each, big-endian)
//   frame  = page pages_after_commit (0: not the last of a commit) salt (8) checksum (8) bytes of the page
//
// A checksum is of the first 24 bytes of the header, or of the first 8 of the frame and its page, begun with the
// checksum before it. The log ends where a frame has another salt or a wrong checksum.
struct WalContent {
  uint64_t salt = 0;     // new whenever the log is begun anew
  uint64_t frames = 0;   // that are right, one after the other
  uint64_t commits = 0;  // that end in them
};

inline constexpr uint64_t kWalSaltOffset = 16;

// Nothing: it is too short for a header, or its header is not right.
absl::StatusOr<std::optional<WalContent>> ReadWal(File& log);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_STORE_WAL_FILE_H_
