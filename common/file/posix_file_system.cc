#include "common/file/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan {
namespace {

absl::Status Error(std::string_view operation, const std::string& path, int error = errno) {
  return ErrnoStatus(error, absl::StrCat(std::string(operation), " '", path, "'"));
}

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  absl::Status ReadAt(uint64_t offset, std::span<std::byte> into) override {
    uint64_t position = offset;
    while (!into.empty()) {
      const ssize_t count = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(position));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error("read", path_);
      if (count == 0) {
        return absl::OutOfRangeError(absl::StrCat("read '", path_, "': the file ends at byte ", position, ", ",
                                                  into.size(), " bytes too early"));
      }
      into = into.subspan(static_cast<size_t>(count));
      position += static_cast<uint64_t>(count);
    }
    return absl::OkStatus();
  }

  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error("write", path_);
      if (count == 0) return Error("write", path_, EIO);
      bytes = bytes.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat info;
    if (::fstat(fd_.get(), &info) != 0) return Error("stat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  absl::Status Preallocate(uint64_t size) override {
    // Not posix_fallocate: where the file system cannot reserve, glibc's emulation writes zeros, which would race with
    // other processes' data.
    if (size > 0 && ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) return absl::OkStatus();
    if (size > 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return Error("preallocate", path_);
    ASSIGN_OR_RETURN(const uint64_t current, Size());
    return current < size ? Truncate(size) : absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return Error("truncate", path_);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (::fsync(fd_.get()) != 0) return Error("fsync", path_);
    return absl::OkStatus();
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

int OpenFlags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead: return O_RDONLY;
    case OpenMode::kReadWrite: return O_RDWR;
    case OpenMode::kOpenOrCreate: return O_RDWR | O_CREAT;
    case OpenMode::kTruncate: return O_RDWR | O_CREAT | O_TRUNC;
    case OpenMode::kCreateNew: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode) {
  Descriptor fd(::open(path.c_str(), OpenFlags(mode) | O_CLOEXEC, 0644));
  if (fd.get() < 0) return Error("open", path);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return Error("stat", path);
  if (S_ISDIR(info.st_mode)) return Error("open", path, EISDIR);
  return std::make_unique<PosixFile>(std::move(fd), path);
}

absl::StatusOr<FileInfo> PosixFileSystem::Stat(const std::string& path) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) return Error("stat", path);
  // A link to a directory is not one: lists of a tree do not go through it. Its size is that of what it points to.
  if (S_ISLNK(info.st_mode)) {
    struct stat target;
    if (::stat(path.c_str(), &target) == 0) info.st_size = target.st_size;
  }
  const bool is_directory = S_ISDIR(info.st_mode);
  return FileInfo{.is_directory = is_directory, .size = is_directory ? 0 : static_cast<uint64_t>(info.st_size)};
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::List(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (dir == nullptr) return Error("list", directory);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Error("list", directory);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status PosixFileSystem::CreateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return absl::OkStatus();
  const int error = errno;
  struct stat info;
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
  return Error("create directory", path, error);
}

absl::Status PosixFileSystem::Remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return Error("remove", path);
  return absl::OkStatus();
}

absl::Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int error = errno;
    return ErrnoStatus(error, absl::StrCat("rename '", from, "' to '", to, "'"));
  }
  return absl::OkStatus();
}

absl::Status PosixFileSystem::SyncDirectory(const std::string& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Error("open directory", directory);
  if (::fsync(fd.get()) != 0) return Error("fsync directory", directory);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) return Error("lock", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error("lock", path);
    return absl::FailedPreconditionError(absl::StrCat("lock '", path, "': held by another process"));
  }
  return std::make_unique<PosixFileLock>(std::move(fd));
}

absl::StatusOr<std::string> PosixFileSystem::RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (real == nullptr) return Error("resolve", path);
  return std::string(real.get());
}

}  // namespace banyan
