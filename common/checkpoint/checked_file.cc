#include "common/checkpoint/checked_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/digest/xxh3.h"

namespace banyan {
namespace {

constexpr uint64_t kPiece = 1 << 20;

absl::Status ReadOnly(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat("write '", path, "': it is open for reading with checksums"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckedFile>> CheckedFile::Create(std::unique_ptr<File> file,
                                                                 const std::vector<CheckedRange>& ranges) {
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::vector<Range> placed;
  uint64_t position = 0;
  for (const CheckedRange& range : ranges) {
    placed.push_back({.begin = position, .end = position + range.size, .checksum = range.checksum});
    position += range.size;
  }
  if (position != size) {
    return absl::DataLossError(
        absl::StrCat("checkpoint file '", file->path(), "' has ", size, " bytes, expected ", position));
  }
  std::unique_ptr<CheckedFile> checked(new CheckedFile(std::move(file), size));
  MutexLock lock(checked->mutex_);
  checked->ranges_ = std::move(placed);
  return checked;
}

CheckedFile::Range CheckedFile::Get(size_t index) {
  MutexLock lock(mutex_);
  return ranges_[index];
}

absl::Status CheckedFile::Check(size_t index, uint64_t checksum) {
  MutexLock lock(mutex_);
  Range& range = ranges_[index];
  if (checksum != range.checksum) {
    return absl::DataLossError(absl::StrCat("checkpoint file '", path(), "' is damaged in bytes [", range.begin, ", ",
                                            range.end, "): checksum ", absl::Hex(checksum, absl::kZeroPad16),
                                            ", expected ", absl::Hex(range.checksum, absl::kZeroPad16)));
  }
  range.verified = true;
  return absl::OkStatus();
}

absl::Status CheckedFile::Verify(size_t index) {
  const Range range = Get(index);
  if (range.verified) return absl::OkStatus();
  std::vector<std::byte> buffer(std::min(kPiece, range.end - range.begin));
  Xxh3Stream stream;
  for (uint64_t at = range.begin; at < range.end;) {
    const auto piece = std::span(buffer).first(std::min<uint64_t>(buffer.size(), range.end - at));
    RETURN_IF_ERROR(file_->ReadAt(at, piece));
    stream.Update(piece);
    at += piece.size();
  }
  return Check(index, stream.Digest());
}

absl::Status CheckedFile::VerifyAll() {
  size_t count;
  {
    MutexLock lock(mutex_);
    count = ranges_.size();
  }
  for (size_t index = 0; index < count; ++index) RETURN_IF_ERROR(Verify(index));
  return absl::OkStatus();
}

absl::Status CheckedFile::ReadInRange(size_t index, uint64_t offset, std::span<std::byte> into) {
  const Range range = Get(index);
  const bool whole = into.size() == range.end - range.begin;
  if (!whole) RETURN_IF_ERROR(Verify(index));
  RETURN_IF_ERROR(file_->ReadAt(offset, into));
  return whole ? Check(index, Xxh3(into)) : absl::OkStatus();
}

absl::Status CheckedFile::ReadAt(uint64_t offset, std::span<std::byte> into) {
  if (offset > size_ || into.size() > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat("read '", path(), "': bytes [", offset, ", ", offset + into.size(),
                                              ") of a file of ", size_));
  }
  size_t index;
  {
    MutexLock lock(mutex_);
    index = static_cast<size_t>(std::upper_bound(ranges_.begin(), ranges_.end(), offset,
                                                 [](uint64_t at, const Range& range) { return at < range.end; }) -
                                ranges_.begin());
  }
  while (!into.empty()) {
    const auto part = into.first(std::min<uint64_t>(into.size(), Get(index).end - offset));
    RETURN_IF_ERROR(ReadInRange(index, offset, part));
    offset += part.size();
    into = into.subspan(part.size());
    ++index;
  }
  return absl::OkStatus();
}

absl::Status CheckedFile::WriteAt(uint64_t, std::span<const std::byte>) { return ReadOnly(path()); }
absl::Status CheckedFile::Preallocate(uint64_t) { return ReadOnly(path()); }
absl::Status CheckedFile::Truncate(uint64_t) { return ReadOnly(path()); }

}  // namespace banyan
