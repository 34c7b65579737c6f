#include "common/checkpoint/writer.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/file/file_util.h"

namespace banyan {

absl::StatusOr<std::unique_ptr<CheckpointWriter>> CheckpointWriter::Open(FileSystem& files,
                                                                         const CheckpointLayout& layout,
                                                                         const std::string& job_directory,
                                                                         const CheckpointName& name) {
  ASSIGN_OR_RETURN(const bool published, Exists(files, JoinPath(job_directory, name.Directory())));
  if (published) {
    return absl::AlreadyExistsError(absl::StrCat("checkpoint '", name.Directory(), "' is already published"));
  }
  const std::string directory = JoinPath(job_directory, name.PartialDirectory());
  RETURN_IF_ERROR(CreateDirectories(files, directory));
  std::unique_ptr<CheckpointWriter> writer(new CheckpointWriter(files, layout, directory));
  RETURN_IF_ERROR(writer->OpenFiles(name.step));
  return writer;
}

absl::Status CheckpointWriter::OpenFiles(uint64_t step) {
  for (const CheckpointLayout::FileLayout& entry : layout_.files()) {
    ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                     file_system_.Open(JoinPath(directory_, entry.name), OpenMode::kOpenOrCreate));
    RETURN_IF_ERROR(file->Preallocate(entry.size));
    ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (size > entry.size) RETURN_IF_ERROR(file->Truncate(entry.size));
    RETURN_IF_ERROR(file->WriteAt(0, AsBytes(entry.header)));
    files_.push_back(std::move(file));
  }
  const CheckpointLayout::Place& place = *layout_.Find(CheckpointLayout::kStepName);
  return files_[place.file]->WriteAt(place.offset, std::as_bytes(std::span(&step, 1)));
}

absl::Status CheckpointWriter::Write(std::string_view tensor, int64_t first_element, const Payload& bytes) {
  const CheckpointLayout::Place* place = layout_.Find(tensor);
  if (place == nullptr) {
    return absl::NotFoundError(absl::StrCat("checkpoint has no tensor '", std::string(tensor), "'"));
  }
  const uint64_t element_size = static_cast<uint64_t>(SizeOf(place->dtype));
  const uint64_t elements = static_cast<uint64_t>(place->elements);
  if (bytes.size() % element_size != 0 || first_element < 0 || static_cast<uint64_t>(first_element) > elements ||
      bytes.size() / element_size > elements - static_cast<uint64_t>(first_element)) {
    return absl::OutOfRangeError(absl::StrCat("checkpoint tensor '", std::string(tensor), "' has ", elements,
                                              " elements, written are ", bytes.size(), " bytes from element ",
                                              first_element));
  }
  if (bytes.empty()) return absl::OkStatus();
  const uint64_t offset = place->OffsetOf(first_element);
  uint64_t position = offset;
  for (const Payload::Range& range : bytes.ranges()) {
    RETURN_IF_ERROR(files_[place->file]->WriteAt(position, range.bytes));
    position += range.bytes.size();
  }
  const uint64_t checksum = bytes.Checksum();
  MutexLock lock(mutex_);
  ranges_.push_back({layout_.files()[place->file].name, offset, bytes.size(), checksum});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PartRange>> CheckpointWriter::Finish() {
  for (const std::unique_ptr<File>& file : files_) RETURN_IF_ERROR(file->Sync());
  // The names too, so that the report holds whatever happens before the coordinator gets to it.
  RETURN_IF_ERROR(file_system_.SyncDirectory(directory_));
  MutexLock lock(mutex_);
  std::vector<PartRange> ranges = ranges_;
  std::sort(ranges.begin(), ranges.end(), [](const PartRange& a, const PartRange& b) {
    return std::tie(a.file, a.offset) < std::tie(b.file, b.offset);
  });
  return ranges;
}

}  // namespace banyan
