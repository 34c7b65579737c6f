#include "common/file/roots.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/file/file_util.h"

namespace banyan {
namespace {

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool IsInside(const std::string& path, const std::string& root) {
  return path == root || root == "/" || (path.starts_with(root) && path[root.size()] == '/');
}

// The real path of the longest part of `path` that exists.
absl::StatusOr<std::string> RealPrefix(FileSystem& files, std::string path) {
  while (true) {
    absl::StatusOr<std::string> real = files.RealPath(path);
    if (real.ok() || !absl::IsNotFound(real.status())) return real;
    // A dangling link could come to point anywhere.
    ASSIGN_OR_RETURN(const bool dangling, Exists(files, path));
    if (dangling) return absl::PermissionDeniedError(absl::StrCat("'", path, "' is a symbolic link to nothing"));
    path = ParentPath(path);
  }
}

}  // namespace

absl::StatusOr<Roots> Roots::Parse(FileSystem& files, const std::vector<std::string>& flags) {
  Roots result;
  for (const std::string& flag : flags) {
    const size_t equals = flag.find('=');
    const std::string name = flag.substr(0, equals);
    if (equals == std::string::npos || !IsName(name)) {
      return absl::InvalidArgumentError(absl::StrCat("root '", flag, "' is not of the form name=/directory"));
    }
    ASSIGN_OR_RETURN(const std::string real, files.RealPath(flag.substr(equals + 1)));
    ASSIGN_OR_RETURN(const FileInfo info, files.Stat(real));
    if (!info.is_directory) return absl::InvalidArgumentError(absl::StrCat("root '", flag, "' is not a directory"));
    if (!result.roots_.emplace(name, real).second) {
      return absl::InvalidArgumentError(absl::StrCat("root '", name, "' is given twice"));
    }
  }
  return result;
}

absl::StatusOr<std::string> Roots::Resolve(FileSystem& files, const std::string& path) const {
  const size_t colon = path.find(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("path '", path, "' is not of the form root:relative"));
  }
  const std::string name = path.substr(0, colon);
  const std::string relative = path.substr(colon + 1);
  const auto root = roots_.find(name);
  if (root == roots_.end()) {
    const std::string known = absl::StrJoin(roots_, ", ", [](std::string* out, const auto& r) { *out += r.first; });
    return absl::InvalidArgumentError(
        absl::StrCat("path '", path, "' names the unknown root '", name, "'; known: ", known.empty() ? "none" : known));
  }
  if (relative.starts_with('/')) {
    return absl::InvalidArgumentError(absl::StrCat("path '", path, "' is absolute after its root"));
  }
  if (relative.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("a path has a zero byte");
  }
  for (const auto part : absl::StrSplit(relative, '/')) {
    if (part == "..") return absl::InvalidArgumentError(absl::StrCat("path '", path, "' has '..'"));
  }
  const std::string absolute = relative.empty() ? root->second : JoinPath(root->second, relative);
  ASSIGN_OR_RETURN(const std::string real, RealPrefix(files, absolute));
  if (!IsInside(real, root->second)) {
    return absl::PermissionDeniedError(
        absl::StrCat("path '", path, "' leaves root '", name, "' through a symbolic link to '", real, "'"));
  }
  return absolute;
}

}  // namespace banyan
