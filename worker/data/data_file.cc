#include "worker/data/data_file.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::worker {
namespace {

constexpr uint64_t kBlockBytes = uint64_t{1} << 20;

absl::StatusOr<std::pair<std::unique_ptr<File>, uint64_t>> OpenChecked(FileSystem& files, const std::string& path) {
  // Looked at before it is opened, for to open a pipe would wait for its writer. Stat does not follow links.
  ASSIGN_OR_RETURN(const std::string real, files.RealPath(path));
  ASSIGN_OR_RETURN(const FileInfo info, files.Stat(real));
  if (info.is_directory) return absl::InvalidArgumentError("it is a directory, expected a file");
  if (info.size == 0) return absl::InvalidArgumentError("it is empty");
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(real, OpenMode::kRead));
  return std::pair(std::move(file), info.size);
}

}  // namespace

absl::StatusOr<DataFile> DataFile::Open(FileSystem& files, const Roots& roots, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string absolute, roots.Resolve(files, path));
  auto file = OpenChecked(files, absolute);
  if (!file.ok()) {
    const std::string root = path.substr(0, path.find(':'));
    return Annotate(file.status(),
                    absl::StrCat("data file '", path, "' (root '", root, "' is ", roots.roots().at(root), ")"));
  }
  return DataFile(path, std::move(file->first), file->second);
}

absl::Status DataFile::Visit(absl::FunctionRef<absl::Status(std::span<const std::byte>)> visit) const {
  std::vector<std::byte> block(std::min(kBlockBytes, size_bytes_));
  for (uint64_t at = 0; at < size_bytes_; at += kBlockBytes) {
    const std::span<std::byte> part = std::span(block).first(std::min(kBlockBytes, size_bytes_ - at));
    const absl::Status read = file_->ReadAt(at, part);
    if (!read.ok()) return Annotate(read, absl::StrCat("data file '", name_, "'"));
    RETURN_IF_ERROR(visit(part));
  }
  return absl::OkStatus();
}

}  // namespace banyan::worker
