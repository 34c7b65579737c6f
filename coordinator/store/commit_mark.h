#ifndef BANYAN_COORDINATOR_STORE_COMMIT_MARK_H_
#define BANYAN_COORDINATOR_STORE_COMMIT_MARK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/posix_file_system.h"

namespace banyan::coordinator {

// How much of SQLite's write-ahead log is committed, kept in `<database>.commits` beside it. SQLite takes the first
// frame with a wrong checksum for the log's end, as after a torn write: a bit that flips in the log of a process that
// did not close it would undo commits that others have heard of, without a word. Whoever knows how many there were
// notices.
//
// The mark is written after the commit is on the disk and is not synced itself, so a power cut may leave an older one:
// it then notices less, and never too much. Thread-compatible.
//
//   mark = magic (8 bytes) salt (8) frames (u64) commits (u64) XXH3 of these (u64), little-endian; or nothing, or zeros:
//   nothing is known
class CommitMark {
 public:
  // `database` is SQLite's file, which nobody else has open, and whose log is as the last one left it. DATA_LOSS: the
  // log has fewer commits than there were.
  static absl::StatusOr<std::unique_ptr<CommitMark>> Open(const std::string& database);

  // After a commit, on the disk already, that made the log `frames` long. What cannot be marked is not protected.
  void Committed(uint64_t frames);

  // Before SQLite itself takes the log away.
  absl::Status Clear();

 private:
  struct Mark {
    uint64_t magic = 0;
    uint64_t salt = 0;
    uint64_t frames = 0;
    uint64_t commits = 0;
    uint64_t sum = 0;
  };

  CommitMark(std::string database, std::unique_ptr<File> file) : database_(std::move(database)), file_(std::move(file)) {}

  absl::StatusOr<Mark> Read();
  absl::Status Check(const Mark& mark);

  const std::string database_;
  PosixFileSystem files_;
  const std::unique_ptr<File> file_;
  std::unique_ptr<File> log_;  // SQLite's, once it has been written to
  Mark mark_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_STORE_COMMIT_MARK_H_
