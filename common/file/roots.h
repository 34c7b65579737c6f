#ifndef BANYAN_COMMON_FILE_ROOTS_H_
#define BANYAN_COMMON_FILE_ROOTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"

namespace banyan {

// The directories a job may name. A job's path is `root:relative`, so it can never reach outside the directories that
// a daemon's flags opened. Thread-safe: immutable.
class Roots {
 public:
  // From flags of the form `name=/directory`; a name is lower-case letters, digits, '-' and '_'. The directories must
  // exist. INVALID_ARGUMENT for a bad or repeated name.
  static absl::StatusOr<Roots> Parse(FileSystem& files, const std::vector<std::string>& flags);

  // The absolute path that `path` means; it need not exist. INVALID_ARGUMENT for another form, an unknown root (names
  // those there are), an absolute path, or one with `..`; PERMISSION_DENIED where a symbolic link leaves the root.
  absl::StatusOr<std::string> Resolve(FileSystem& files, const std::string& path) const;

  // name -> directory without symbolic links.
  const std::map<std::string, std::string>& roots() const { return roots_; }

 private:
  std::map<std::string, std::string> roots_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_FILE_ROOTS_H_
