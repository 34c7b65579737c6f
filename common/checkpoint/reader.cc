#include "common/checkpoint/reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/checkpoint/checked_file.h"
#include "common/checkpoint/manifest.h"
#include "common/file/file_util.h"

namespace banyan {
namespace {

// Of the names in a file that transformers' GPT2LMHeadModel.save_pretrained wrote.
constexpr std::string_view kTransformersPrefix = "transformer.";

absl::Status Damaged(const std::string& directory, const absl::Status& reason) {
  return absl::DataLossError(absl::StrCat("checkpoint '", directory, "' is damaged: ", reason.message()));
}

absl::StatusOr<std::unique_ptr<CheckedFile>> OpenChecked(FileSystem& files, const std::string& directory,
                                                         const v1::CheckpointFile& entry) {
  absl::StatusOr<std::unique_ptr<File>> file = files.Open(JoinPath(directory, entry.name()), OpenMode::kRead);
  if (absl::IsNotFound(file.status())) return Damaged(directory, file.status());
  RETURN_IF_ERROR(file.status());
  std::vector<CheckedRange> ranges;
  for (const v1::CheckpointRange& range : entry.ranges()) ranges.push_back({range.size(), range.checksum()});
  return CheckedFile::Create(*std::move(file), ranges);
}

// Whether the files hold the manifest's tensors and nothing else.
absl::Status CheckContents(const std::vector<CheckpointTensor>& tensors, const TensorFiles& contents) {
  absl::StatusOr<CheckpointLayout> layout = CheckpointLayout::Create(tensors);
  RETURN_IF_ERROR(layout.status());
  for (const auto& [name, place] : layout->places()) {
    const auto it = contents.tensors().find(name);
    if (it == contents.tensors().end()) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is in no file"));
    }
    if (it->second.dtype != place.dtype || it->second.offset != place.offset || it->second.file != place.file ||
        it->second.size != place.OffsetOf(place.elements) - place.offset) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is not as the manifest says"));
    }
  }
  for (const CheckpointTensor& tensor : tensors) {
    if (contents.tensors().find(tensor.name)->second.shape != tensor.shape) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name, "' has another shape in its file"));
    }
  }
  if (contents.tensors().size() != layout->places().size()) {
    return absl::InvalidArgumentError(absl::StrCat("files hold ", contents.tensors().size(),
                                                   " tensors, the manifest has ", layout->places().size()));
  }
  return absl::OkStatus();
}

}  // namespace

CheckpointReader::CheckpointReader() = default;
CheckpointReader::CheckpointReader(CheckpointReader&&) noexcept = default;
CheckpointReader& CheckpointReader::operator=(CheckpointReader&&) noexcept = default;
CheckpointReader::~CheckpointReader() = default;

uint64_t CheckpointReader::step() const { return manifest_->step(); }
uint64_t CheckpointReader::term() const { return manifest_->term(); }

absl::StatusOr<CheckpointReader> CheckpointReader::Open(FileSystem& files, const std::string& directory) {
  absl::StatusOr<v1::CheckpointManifest> manifest = ReadManifest(files, directory);
  if (absl::IsInvalidArgument(manifest.status())) return Damaged(directory, manifest.status());
  RETURN_IF_ERROR(manifest.status());
  CheckpointReader reader;
  reader.manifest_ = std::make_unique<const v1::CheckpointManifest>(*std::move(manifest));
  absl::StatusOr<std::vector<CheckpointTensor>> tensors = TensorsOf(*reader.manifest_);
  if (!tensors.ok()) return Damaged(directory, tensors.status());
  reader.tensors_ = *std::move(tensors);
  std::vector<std::unique_ptr<File>> opened;
  for (const v1::CheckpointFile& entry : reader.manifest_->files()) {
    ASSIGN_OR_RETURN(std::unique_ptr<CheckedFile> file, OpenChecked(files, directory, entry));
    reader.checked_.push_back(file.get());
    opened.push_back(std::move(file));
  }
  absl::StatusOr<TensorFiles> contents = TensorFiles::Open(std::move(opened));
  if (absl::IsInvalidArgument(contents.status())) return Damaged(directory, contents.status());
  RETURN_IF_ERROR(contents.status());
  reader.contents_ = *std::move(contents);
  const absl::Status status = CheckContents(reader.tensors_, reader.contents_);
  if (!status.ok()) return Damaged(directory, status);
  uint64_t step = 0;
  RETURN_IF_ERROR(reader.Read(CheckpointLayout::kStepName, 0, std::as_writable_bytes(std::span(&step, 1))));
  if (step != reader.step()) {
    return Damaged(directory, absl::InvalidArgumentError(
                                  absl::StrCat("its tensor 'step' is ", step, ", its manifest says ", reader.step())));
  }
  return reader;
}

absl::Status CheckpointReader::VerifyAll() const {
  for (CheckedFile* file : checked_) RETURN_IF_ERROR(file->VerifyAll());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CheckpointEntry>> ListCheckpoints(FileSystem& files, const std::string& job_directory) {
  std::vector<CheckpointEntry> entries;
  const absl::StatusOr<std::vector<std::string>> names = files.List(job_directory);
  if (absl::IsNotFound(names.status())) return entries;
  RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    const std::optional<CheckpointName> parsed = CheckpointName::Parse(name);
    if (!parsed.has_value()) continue;
    const std::string path = JoinPath(job_directory, name);
    entries.push_back({*parsed, path, CheckpointReader::Open(files, path).status()});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name > b.name; });
  return entries;
}

absl::StatusOr<CheckpointReader> OpenNewestCheckpoint(FileSystem& files, const std::string& job_directory,
                                                      std::vector<CheckpointEntry>* skipped) {
  ASSIGN_OR_RETURN(std::vector<CheckpointEntry> entries, ListCheckpoints(files, job_directory));
  std::string reasons;
  for (CheckpointEntry& entry : entries) {
    if (entry.status.ok()) {
      absl::StatusOr<CheckpointReader> reader = CheckpointReader::Open(files, entry.path);
      entry.status = reader.ok() ? reader->VerifyAll() : reader.status();
      if (entry.status.ok()) return reader;
    }
    absl::StrAppend(&reasons, "; ", entry.name.Directory(), ": ", entry.status.message());
    if (skipped != nullptr) skipped->push_back(entry);
  }
  return absl::NotFoundError(absl::StrCat("no complete checkpoint in '", job_directory, "'", reasons));
}

absl::StatusOr<TensorFiles> OpenInitialWeights(FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  const auto has = [&](const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  std::vector<std::unique_ptr<File>> opened;
  if (has(kManifestFile)) {
    ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(files, directory));
    ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                     OpenChecked(files, directory, reader.manifest().files(CheckpointLayout::kModelFile)));
    opened.push_back(std::move(file));
    return TensorFiles::Open(std::move(opened));
  }
  const bool one = has("model.safetensors");
  for (const std::string& name : names) {
    if (one ? name != "model.safetensors" : !name.ends_with(".safetensors")) continue;
    ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(JoinPath(directory, name), OpenMode::kRead));
    opened.push_back(std::move(file));
  }
  if (opened.empty()) {
    return absl::NotFoundError(absl::StrCat("no safetensors file in '", directory, "' to start from"));
  }
  return TensorFiles::Open(std::move(opened), kTransformersPrefix);
}

}  // namespace banyan
