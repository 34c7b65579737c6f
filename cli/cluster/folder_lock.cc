#include "cli/cluster/folder_lock.h"

#include <fcntl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/file/file_util.h"

namespace banyan::cli {
namespace {

struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

absl::StatusOr<Descriptor> LockFolder(const std::string& folder) {
  const std::string path = JoinPath(folder, "lock");
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return ErrnoStatus(errno, absl::StrCat("open '", path, "'"));
  const struct flock lock = WholeFile();
  if (fcntl(file.get(), F_SETLK, &lock) == 0) return file;
  if (errno != EACCES && errno != EAGAIN) return ErrnoStatus(errno, absl::StrCat("lock '", path, "'"));
  return absl::FailedPreconditionError(absl::StrCat("process ", FolderOwner(folder).value_or(0),
                                                    " keeps a cluster in '", folder, "'; end it, or give another folder"));
}

std::optional<pid_t> FolderOwner(const std::string& folder) {
  const Descriptor file(open(JoinPath(folder, "lock").c_str(), O_RDWR | O_CLOEXEC));
  struct flock lock = WholeFile();
  if (file.get() < 0 || fcntl(file.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

}  // namespace banyan::cli
