#include "common/checkpoint/publisher.h"

#include <algorithm>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/checkpoint/manifest.h"
#include "common/checkpoint/reader.h"
#include "common/digest/xxh3.h"
#include "common/file/file_util.h"

namespace banyan {
namespace {

// What every writer writes alike and no server reports: the headers, and `step`.
std::vector<PartRange> CommonParts(const CheckpointLayout& layout, uint64_t step) {
  std::vector<PartRange> parts;
  for (const CheckpointLayout::FileLayout& file : layout.files()) {
    parts.push_back({file.name, 0, file.header.size(), Xxh3(AsBytes(file.header))});
  }
  const CheckpointLayout::Place& place = *layout.Find(CheckpointLayout::kStepName);
  const auto bytes = std::as_bytes(std::span(&step, 1));
  parts.push_back({layout.files()[place.file].name, place.offset, bytes.size(), Xxh3(bytes)});
  return parts;
}

std::string TensorAt(const CheckpointLayout& layout, size_t file, uint64_t offset) {
  for (const auto& [name, place] : layout.places()) {
    if (place.file == file && place.offset <= offset && offset < place.OffsetOf(place.elements)) return name;
  }
  return "";
}

// Puts the parts of one file, sorted, into `entry`; refuses gaps and overlaps.
absl::Status AddRanges(const CheckpointLayout& layout, size_t file, std::span<const PartRange> parts,
                       v1::CheckpointFile& entry) {
  const uint64_t size = layout.files()[file].size;
  uint64_t position = 0;
  const auto missing = [&](uint64_t end) {
    return absl::FailedPreconditionError(absl::StrCat("checkpoint part missing: bytes [", position, ", ", end, ") of ",
                                                      entry.name(), ", tensor '", TensorAt(layout, file, position),
                                                      "', were reported by no server"));
  };
  for (const PartRange& part : parts) {
    if (part.size == 0 || part.size > size || part.offset > size - part.size || part.offset < position) {
      return absl::InvalidArgumentError(absl::StrCat("checkpoint part [", part.offset, ", +", part.size, ") of ",
                                                     entry.name(), " overlaps another or lies outside its ", size,
                                                     " bytes"));
    }
    if (part.offset > position) return missing(part.offset);
    v1::CheckpointRange& range = *entry.add_ranges();
    range.set_size(part.size);
    range.set_checksum(part.checksum);
    position += part.size;
  }
  return position < size ? missing(size) : absl::OkStatus();
}

absl::Status SetFiles(const CheckpointLayout& layout, std::vector<PartRange> parts, v1::CheckpointManifest& manifest) {
  const std::vector<PartRange> common = CommonParts(layout, manifest.step());
  parts.insert(parts.end(), common.begin(), common.end());
  const auto key = [](const PartRange& part) { return std::tie(part.file, part.offset, part.size, part.checksum); };
  std::sort(parts.begin(), parts.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  // A server may report a part again.
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  manifest.clear_files();
  size_t used = 0;
  for (size_t file = 0; file < layout.files().size(); ++file) {
    v1::CheckpointFile& entry = *manifest.add_files();
    entry.set_name(layout.files()[file].name);
    entry.set_size(layout.files()[file].size);
    const auto [begin, end] = std::equal_range(parts.begin(), parts.end(), PartRange{entry.name(), 0, 0, 0},
                                               [](const auto& a, const auto& b) { return a.file < b.file; });
    RETURN_IF_ERROR(AddRanges(layout, file, std::span(begin, end), entry));
    used += static_cast<size_t>(end - begin);
  }
  if (used != parts.size()) return absl::InvalidArgumentError("checkpoint part of a file that is none of its files");
  return absl::OkStatus();
}

// Whether the files have their sizes and headers, so that a wrong directory shows before it is published.
absl::Status CheckOnDisk(FileSystem& files, const CheckpointLayout& layout, const std::string& directory) {
  for (const CheckpointLayout::FileLayout& entry : layout.files()) {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(JoinPath(directory, entry.name), OpenMode::kRead));
    ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (size != entry.size) {
      return absl::DataLossError(
          absl::StrCat("checkpoint file '", file->path(), "' has ", size, " bytes, expected ", entry.size));
    }
    std::string header(entry.header.size(), '\0');
    RETURN_IF_ERROR(file->ReadAt(0, std::as_writable_bytes(std::span(header))));
    if (header != entry.header) {
      return absl::DataLossError(absl::StrCat("checkpoint file '", file->path(), "' has another model's header"));
    }
  }
  return absl::OkStatus();
}

// Whether a checkpoint will not open however often it is tried.
bool IsDamage(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
}

// The name of a directory that ends in `suffix`.
std::optional<CheckpointName> ParseWithSuffix(std::string_view directory, std::string_view suffix) {
  if (!directory.ends_with(suffix)) return std::nullopt;
  return CheckpointName::Parse(directory.substr(0, directory.size() - suffix.size()));
}

}  // namespace

absl::Status PublishCheckpoint(FileSystem& files, const CheckpointLayout& layout, const std::string& job_directory,
                               const v1::CheckpointManifest& facts, const std::vector<PartRange>& parts) {
  const CheckpointName name{.term = facts.term(), .step = facts.step()};
  const std::string target = JoinPath(job_directory, name.Directory());
  ASSIGN_OR_RETURN(const bool published, Exists(files, target));
  if (published) {
    RETURN_IF_ERROR(CheckpointReader::Open(files, target).status());
    // The rename may have been seen, but not made durable, by a coordinator that died.
    return files.SyncDirectory(job_directory);
  }
  v1::CheckpointManifest manifest = facts;
  manifest.set_format_version(kCheckpointFormatVersion);
  SetTensors(layout.tensors(), manifest);
  RETURN_IF_ERROR(SetFiles(layout, parts, manifest));
  const std::string partial = JoinPath(job_directory, name.PartialDirectory());
  RETURN_IF_ERROR(CheckOnDisk(files, layout, partial));
  // Syncs the directory too, and with it the names of the servers' files.
  RETURN_IF_ERROR(WriteManifest(files, partial, manifest));
  RETURN_IF_ERROR(files.Rename(partial, target));
  return files.SyncDirectory(job_directory);
}

absl::Status RemoveOldCheckpoints(FileSystem& files, const std::string& job_directory, size_t keep,
                                  const std::set<CheckpointName>& protect) {
  ASSIGN_OR_RETURN(const std::vector<CheckpointEntry> entries, ListCheckpoints(files, job_directory));
  std::optional<CheckpointName> newest;
  std::vector<CheckpointName> old;
  size_t complete = 0;
  for (const CheckpointEntry& entry : entries) {
    // A disk that fails now says nothing about what is on it.
    if (!entry.status.ok() && !IsDamage(entry.status)) return entry.status;
    const bool beyond = newest.has_value() && complete >= keep;
    if (entry.status.ok()) {
      if (!newest.has_value()) newest = entry.name;
      ++complete;
    }
    if (beyond && !protect.contains(entry.name)) old.push_back(entry.name);
  }
  // First out of the way by one rename, so that a crash never leaves half of a checkpoint under its name.
  for (const CheckpointName& name : old) {
    // A crash may have left it under both names.
    RETURN_IF_ERROR(RemoveTree(files, JoinPath(job_directory, name.DeletedDirectory())));
    RETURN_IF_ERROR(files.Rename(JoinPath(job_directory, name.Directory()),
                                 JoinPath(job_directory, name.DeletedDirectory())));
  }
  if (!old.empty()) RETURN_IF_ERROR(files.SyncDirectory(job_directory));
  if (!newest.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(job_directory));
  for (const std::string& directory : names) {
    const std::optional<CheckpointName> partial = ParseWithSuffix(directory, kPartialSuffix);
    const bool dead = partial.has_value() && *partial <= *newest;
    if (!dead && !ParseWithSuffix(directory, kDeletedSuffix).has_value()) continue;
    RETURN_IF_ERROR(RemoveTree(files, JoinPath(job_directory, directory)));
  }
  return absl::OkStatus();
}

}  // namespace banyan
