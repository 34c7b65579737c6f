// The library of FaultyDisk. It stands before libc: of the calls that change a disk, it answers those under the path
// that is faulty, and passes on all others.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/faulty_disk_control.h"

namespace {

using banyan::testing::DiskControl;
using banyan::testing::DiskFault;

DiskControl* control = nullptr;

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void Map() {
  const char* const path = std::getenv(banyan::testing::kDiskControlVariable);
  if (path == nullptr) return;
  const int fd = Next<int(const char*, int, ...)>("open")(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* const memory = mmap(nullptr, sizeof(DiskControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory != MAP_FAILED) control = static_cast<DiskControl*>(memory);
}

bool Is(DiskFault fault) { return control != nullptr && control->fault == fault; }

bool IsUnder(std::string_view path) {
  const std::string_view faulty(control->path.data());
  return path.starts_with(faulty);
}

// Absolute paths alone: daemons have no others.
bool IsFaulty(DiskFault fault, const char* path) { return Is(fault) && IsUnder(path); }

bool IsFaulty(DiskFault fault, int fd) {
  if (!Is(fault)) return false;
  std::array<char, 4096> path;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  return size > 0 && IsUnder({path.data(), static_cast<size_t>(size)});
}

int Refuse(int error) {
  ++control->refused;
  errno = error;
  return -1;
}

// How much of `count` bytes at `offset` can be written; -1: nothing, with errno. `offset` < 0: where the file stands.
ssize_t Allowed(int fd, size_t count, off_t offset) {
  const int before = errno;
  if (IsFaulty(DiskFault::kReadOnly, fd)) return Refuse(EROFS);
  if (count == 0 || !IsFaulty(DiskFault::kFull, fd)) {
    errno = before;
    return static_cast<ssize_t>(count);
  }
  struct stat info = {};
  fstat(fd, &info);
  if (offset < 0) offset = (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? info.st_size : lseek(fd, 0, SEEK_CUR);
  if (offset >= info.st_size) return Refuse(ENOSPC);
  return static_cast<ssize_t>(std::min(count, static_cast<size_t>(info.st_size - offset)));
}

bool MayAllocate(int fd, off_t end) {
  if (IsFaulty(DiskFault::kReadOnly, fd)) return Refuse(EROFS) == 0;
  struct stat info = {};
  if (!IsFaulty(DiskFault::kFull, fd) || (fstat(fd, &info) == 0 && end <= info.st_size)) return true;
  return Refuse(ENOSPC) == 0;
}

bool MayOpen(const char* path, int flags) {
  if ((flags & O_ACCMODE) == O_RDONLY && (flags & (O_CREAT | O_TRUNC)) == 0) return true;
  return !IsFaulty(DiskFault::kReadOnly, path) || Refuse(EROFS) == 0;
}

}  // namespace

#define OPEN(name)                                                    \
  int name(const char* path, int flags, ...) {                        \
    va_list more;                                                     \
    va_start(more, flags);                                            \
    const mode_t mode = va_arg(more, mode_t);                         \
    va_end(more);                                                     \
    static auto* const next = Next<int(const char*, int, ...)>(#name); \
    return MayOpen(path, flags) ? next(path, flags, mode) : -1;       \
  }

#define PATH(name)                                               \
  int name(const char* path) noexcept {                          \
    if (IsFaulty(DiskFault::kReadOnly, path)) return Refuse(EROFS); \
    static auto* const next = Next<int(const char*)>(#name);     \
    return next(path);                                           \
  }

#define PWRITE(name, offset_type)                                                               \
  ssize_t name(int fd, const void* bytes, size_t count, offset_type offset) {                   \
    const ssize_t allowed = Allowed(fd, count, offset);                                         \
    static auto* const next = Next<ssize_t(int, const void*, size_t, offset_type)>(#name);      \
    return allowed < 0 ? -1 : next(fd, bytes, static_cast<size_t>(allowed), offset);            \
  }

#define FALLOCATE(name, offset_type)                                                \
  int name(int fd, int mode, offset_type offset, offset_type size) {                \
    static auto* const next = Next<int(int, int, offset_type, offset_type)>(#name); \
    return MayAllocate(fd, offset + size) ? next(fd, mode, offset, size) : -1;      \
  }

#define FTRUNCATE(name, offset_type)                                      \
  int name(int fd, offset_type size) noexcept {                           \
    if (IsFaulty(DiskFault::kReadOnly, fd)) return Refuse(EROFS);         \
    static auto* const next = Next<int(int, offset_type)>(#name);         \
    return next(fd, size);                                                \
  }

extern "C" {

OPEN(open)
OPEN(open64)
PATH(unlink)
PATH(rmdir)
PATH(remove)
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

ssize_t write(int fd, const void* bytes, size_t count) {
  const ssize_t allowed = Allowed(fd, count, -1);
  static auto* const next = Next<ssize_t(int, const void*, size_t)>("write");
  return allowed < 0 ? -1 : next(fd, bytes, static_cast<size_t>(allowed));
}

// Whole or not at all.
ssize_t writev(int fd, const iovec* parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  const ssize_t allowed = Allowed(fd, size, -1);
  if (allowed >= 0 && static_cast<size_t>(allowed) < size) return Refuse(ENOSPC);
  static auto* const next = Next<ssize_t(int, const iovec*, int)>("writev");
  return allowed < 0 ? -1 : next(fd, parts, count);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (IsFaulty(DiskFault::kReadOnly, path)) return Refuse(EROFS);
  if (IsFaulty(DiskFault::kFull, path) && access(path, F_OK) != 0) return Refuse(ENOSPC);
  static auto* const next = Next<int(const char*, mode_t)>("mkdir");
  return next(path, mode);
}

int rename(const char* from, const char* to) noexcept {
  if (IsFaulty(DiskFault::kReadOnly, from) || IsFaulty(DiskFault::kReadOnly, to)) return Refuse(EROFS);
  static auto* const next = Next<int(const char*, const char*)>("rename");
  return next(from, to);
}

// std::ofstream's: libc opens it by a call of its own.
FILE* fopen64(const char* path, const char* mode) {
  if (std::string_view(mode).find_first_of("wa+") != std::string_view::npos && IsFaulty(DiskFault::kReadOnly, path)) {
    Refuse(EROFS);
    return nullptr;
  }
  static auto* const next = Next<FILE*(const char*, const char*)>("fopen64");
  return next(path, mode);
}

FILE* fopen(const char* path, const char* mode) { return fopen64(path, mode); }

}  // extern "C"
