#include "coordinator/store/commit_mark.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/digest/xxh3.h"
#include "common/file/file_util.h"
#include "coordinator/store/wal_file.h"

namespace banyan::coordinator {
namespace {

constexpr uint64_t kMagic = 0x31746d6d6f436e42;  // "BnCommt1"

std::string NewStore(const std::string& database) {
  return absl::StrCat("move '", BaseName(database), "*' away to begin without its jobs, whose checkpoints stay in jobs/");
}

}  // namespace

absl::StatusOr<std::unique_ptr<CommitMark>> CommitMark::Open(const std::string& database) {
  PosixFileSystem files;
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(database + ".commits", OpenMode::kOpenOrCreate));
  std::unique_ptr<CommitMark> mark(new CommitMark(database, std::move(file)));
  ASSIGN_OR_RETURN(const Mark found, mark->Read());
  RETURN_IF_ERROR(mark->Check(found));
  return mark;
}

absl::StatusOr<CommitMark::Mark> CommitMark::Read() {
  Mark mark;
  ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  if (size < sizeof(mark)) return Mark();
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&mark, 1));
  RETURN_IF_ERROR(file_->ReadAt(0, bytes));
  if (std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return mark;
  if (mark.magic == kMagic && mark.sum == Xxh3(bytes.first(offsetof(Mark, sum)))) return mark;
  return absl::DataLossError(absl::StrCat("'", file_->path(), "' is damaged: it says how much of '", database_,
                                          "-wal' was committed; delete it if that one is to be believed, or ",
                                          NewStore(database_)));
}

absl::Status CommitMark::Check(const Mark& mark) {
  // SQLite makes it, empty, when it opens the database.
  ASSIGN_OR_RETURN(const std::unique_ptr<File> log, files_.Open(database_ + "-wal", OpenMode::kOpenOrCreate));
  ASSIGN_OR_RETURN(const uint64_t size, log->Size());
  ASSIGN_OR_RETURN(const std::optional<WalContent> content, ReadWal(*log));
  // With another salt it was begun anew, after the mark: all that is marked has left it for the database.
  const bool whole = content.has_value() && (content->salt != mark.salt || content->frames >= mark.frames);
  if (content.has_value()) mark_ = {.salt = content->salt, .commits = content->commits};
  if (mark.frames == 0 || whole) return absl::OkStatus();
  if (size == 0) {
    return absl::DataLossError(absl::StrCat("'", database_, "-wal' is missing, and the last ", mark.commits,
                                            " commits with it: put it back; or, if a tool that opened the store since "
                                            "has moved them into it, delete '", file_->path(), "'; or ",
                                            NewStore(database_)));
  }
  const uint64_t commits = content.has_value() ? content->commits : 0;
  return absl::DataLossError(absl::StrCat("'", database_, "-wal' is damaged: of the last ", mark.commits, " commits ",
                                          commits, " can be read, and others have heard of all; put copies of '",
                                          BaseName(database_), "*' back, made together, or ", NewStore(database_)));
}

void CommitMark::Committed(uint64_t frames) {
  if (log_ == nullptr) {
    absl::StatusOr<std::unique_ptr<File>> log = files_.Open(database_ + "-wal", OpenMode::kRead);
    if (!log.ok()) return;
    log_ = *std::move(log);
  }
  std::array<std::byte, sizeof(Mark::salt)> salt;
  if (!log_->ReadAt(kWalSaltOffset, salt).ok()) return;
  mark_ = {.magic = kMagic, .salt = LoadU64(salt), .frames = frames,
           .commits = LoadU64(salt) == mark_.salt ? mark_.commits + 1 : 1};
  const auto bytes = std::as_bytes(std::span(&mark_, 1));
  mark_.sum = Xxh3(bytes.first(offsetof(Mark, sum)));
  file_->WriteAt(0, bytes).IgnoreError();
}

absl::Status CommitMark::Clear() {
  const Mark nothing;
  RETURN_IF_ERROR(file_->WriteAt(0, std::as_bytes(std::span(&nothing, 1))));
  return file_->Sync();
}

}  // namespace banyan::coordinator
