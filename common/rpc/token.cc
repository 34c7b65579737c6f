#include "common/rpc/token.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace banyan {
namespace {

constexpr size_t kTokenBytes = 32;

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status CheckPrivate(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, absl::StrCat("read token file '", path, "'"));
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(absl::StrCat("token file '", path, "' belongs to another user"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(absl::StrFormat(
        "token file '%s' has mode %04o, expected 0600; run chmod 600 on it", path, info.st_mode & 07777));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadOpened(int fd, const std::string& path) {
  RETURN_IF_ERROR(CheckPrivate(fd, path));
  // A newline at the end, as editors and `openssl rand -hex 32` leave, is no part of the token.
  std::array<char, 2 * kTokenBytes + 2> buffer;
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size < 0) return ErrnoStatus(errno, absl::StrCat("read token file '", path, "'"));
  absl::string_view text(buffer.data(), static_cast<size_t>(size));
  absl::ConsumeSuffix(&text, "\n");
  if (text.size() != 2 * kTokenBytes || text.find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("token file '", path, "' does not hold ", 2 * kTokenBytes, " hex digits; remove it to get a new one"));
  }
  return std::string(text.data(), text.size());
}

}  // namespace

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return ErrnoStatus(errno, absl::StrCat("open token file '", path, "'"));
  return ReadOpened(file.get(), path);
}

absl::StatusOr<std::string> ReadOrCreateToken(const std::string& path) {
  std::array<unsigned char, kTokenBytes> random;
  if (RAND_bytes(random.data(), random.size()) != 1) return absl::InternalError("no randomness for a token");
  const std::string token(
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(random.data()), random.size())));
  // Written aside and linked, so that no reader sees half of it and the first of several writers wins.
  const std::string fresh = absl::StrCat(path, ".", token.substr(0, 16));
  {
    const Descriptor file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return ErrnoStatus(errno, absl::StrCat("create token file '", fresh, "'"));
    if (write(file.get(), token.data(), token.size()) != static_cast<ssize_t>(token.size())) {
      const int error = errno;
      unlink(fresh.c_str());
      return ErrnoStatus(error, absl::StrCat("write token file '", fresh, "'"));
    }
  }
  const bool made = link(fresh.c_str(), path.c_str()) == 0;
  const int error = errno;
  unlink(fresh.c_str());
  if (made) return token;
  if (error != EEXIST) return ErrnoStatus(error, absl::StrCat("create token file '", path, "'"));
  return ReadToken(path);
}

}  // namespace banyan
