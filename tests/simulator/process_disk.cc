#include "tests/simulator/process_disk.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::simulator {

class ProcessDisk::OpenFile final : public File {
 public:
  OpenFile(ProcessDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}

  const std::string& path() const override { return file_->path(); }
  absl::Status ReadAt(uint64_t offset, std::span<std::byte> into) override {
    RETURN_IF_ERROR(disk_.Begin(/*grows=*/false, path()));
    return file_->ReadAt(offset, into);
  }
  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    RETURN_IF_ERROR(disk_.Begin(/*grows=*/true, path()));
    return file_->WriteAt(offset, bytes);
  }
  absl::StatusOr<uint64_t> Size() override {
    RETURN_IF_ERROR(disk_.Begin(/*grows=*/false, path()));
    return file_->Size();
  }
  absl::Status Preallocate(uint64_t size) override {
    RETURN_IF_ERROR(disk_.Begin(/*grows=*/true, path()));
    return file_->Preallocate(size);
  }
  absl::Status Truncate(uint64_t size) override {
    RETURN_IF_ERROR(disk_.Begin(/*grows=*/true, path()));
    return file_->Truncate(size);
  }
  absl::Status Sync() override {
    RETURN_IF_ERROR(disk_.Begin(/*grows=*/false, path()));
    return file_->Sync();
  }

 private:
  ProcessDisk& disk_;
  const std::unique_ptr<File> file_;
};

absl::Status ProcessDisk::Begin(bool grows, const std::string& path) {
  if (die_at_ > 0 && --die_at_ == 0) {
    dead_ = true;
    options_.on_death();
  }
  if (dead_) return absl::UnavailableError("the process is dead");
  if (grows && *options_.full) {
    return absl::ResourceExhaustedError(absl::StrCat("write '", path, "': No space left on device"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> ProcessDisk::Open(const std::string& path, OpenMode mode) {
  const bool creates = mode == OpenMode::kTruncate || mode == OpenMode::kCreateNew;
  RETURN_IF_ERROR(Begin(creates, path));
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, options_.disk->Open(path, mode));
  return std::make_unique<OpenFile>(*this, std::move(file));
}

absl::StatusOr<FileInfo> ProcessDisk::Stat(const std::string& path) {
  RETURN_IF_ERROR(Begin(/*grows=*/false, path));
  return options_.disk->Stat(path);
}

absl::StatusOr<std::vector<std::string>> ProcessDisk::List(const std::string& directory) {
  RETURN_IF_ERROR(Begin(/*grows=*/false, directory));
  return options_.disk->List(directory);
}

absl::Status ProcessDisk::CreateDirectory(const std::string& path) {
  RETURN_IF_ERROR(Begin(/*grows=*/true, path));
  return options_.disk->CreateDirectory(path);
}

absl::Status ProcessDisk::Remove(const std::string& path) {
  RETURN_IF_ERROR(Begin(/*grows=*/false, path));
  return options_.disk->Remove(path);
}

absl::Status ProcessDisk::Rename(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(Begin(/*grows=*/false, from));
  return options_.disk->Rename(from, to);
}

absl::Status ProcessDisk::SyncDirectory(const std::string& directory) {
  RETURN_IF_ERROR(Begin(/*grows=*/false, directory));
  return options_.disk->SyncDirectory(directory);
}

absl::StatusOr<std::unique_ptr<FileLock>> ProcessDisk::Lock(const std::string& path) {
  RETURN_IF_ERROR(Begin(/*grows=*/true, path));
  return options_.disk->Lock(path);
}

absl::StatusOr<std::string> ProcessDisk::RealPath(const std::string& path) {
  RETURN_IF_ERROR(Begin(/*grows=*/false, path));
  return options_.disk->RealPath(path);
}

}  // namespace banyan::simulator
