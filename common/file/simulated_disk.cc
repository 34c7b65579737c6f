#include "common/file/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/file/file_util.h"

namespace banyan {
namespace {

constexpr size_t kPage = 4096;

absl::Status Error(const char* operation, const std::string& path, int error) {
  return ErrnoStatus(error, absl::StrCat(operation, " '", path, "'"));
}

}  // namespace

// A file or directory, as the system shows it and as it is on the platter.
struct SimulatedDisk::Node {
  using Entries = std::map<std::string, std::shared_ptr<Node>>;
  explicit Node(bool directory) : is_directory(directory) {}

  const bool is_directory;
  std::string content, durable_content;
  Entries entries, durable_entries;

  static Entries After(const Entries& now, const Entries& durable, Unsynced unsynced, std::mt19937_64& chance) {
    if (unsynced == Unsynced::kLost) return durable;
    if (unsynced == Unsynced::kKept) return now;
    Entries result;
    for (const auto& [name, node] : durable) {
      const auto it = now.find(name);
      // A name that was replaced by a rename is one or the other, never gone.
      if (it != now.end()) result[name] = chance() % 2 == 0 ? node : it->second;
      else if (chance() % 2 == 0) result[name] = node;
    }
    for (const auto& [name, node] : now) {
      if (!durable.contains(name) && chance() % 2 == 0) result[name] = node;
    }
    return result;
  }

  static std::string After(const std::string& now, const std::string& durable, Unsynced unsynced,
                           std::mt19937_64& chance) {
    if (unsynced == Unsynced::kLost) return durable;
    if (unsynced == Unsynced::kKept) return now;
    std::string result = durable;
    result.resize(chance() % 2 == 0 ? now.size() : durable.size(), '\0');
    for (size_t page = 0; page < std::min(now.size(), result.size()); page += kPage) {
      const size_t size = std::min({kPage, now.size() - page, result.size() - page});
      if (chance() % 2 == 0) std::memcpy(result.data() + page, now.data() + page, size);
    }
    return result;
  }

  void Crash(const CrashOptions& options, std::mt19937_64& chance) {
    content = durable_content = After(content, durable_content, options.content, chance);
    entries = durable_entries = After(entries, durable_entries, options.names, chance);
    for (const auto& [name, node] : entries) node->Crash(options, chance);
  }
};

class SimulatedDisk::OpenFile final : public File {
 public:
  OpenFile(SimulatedDisk& disk, std::shared_ptr<Node> node, std::string path, bool writable, uint64_t life)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), writable_(writable), life_(life) {}

  const std::string& path() const override { return path_; }

  absl::Status ReadAt(uint64_t offset, std::span<std::byte> into) override {
    MutexLock lock(disk_.mutex_);
    bool flip = false;
    RETURN_IF_ERROR(Begin("read", &flip));
    const std::string& content = node_->content;
    if (offset > content.size() || content.size() - offset < into.size()) {
      return absl::OutOfRangeError(absl::StrCat("read '", path_, "': the file ends at byte ", content.size(), ", ",
                                                offset + into.size() - content.size(), " bytes too early"));
    }
    if (into.empty()) return absl::OkStatus();
    std::memcpy(into.data(), content.data() + offset, into.size());
    if (flip) into[into.size() / 2] ^= std::byte{1};
    return absl::OkStatus();
  }

  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    MutexLock lock(disk_.mutex_);
    bool flip = false;
    bool half = false;
    RETURN_IF_ERROR(Begin("write", &flip, &half));
    if (!writable_) return Error("write", path_, EBADF);
    if (half) bytes = bytes.first(bytes.size() / 2);
    std::string& content = node_->content;
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
    if (!bytes.empty()) std::memcpy(content.data() + offset, bytes.data(), bytes.size());
    if (flip && !bytes.empty()) content[offset + bytes.size() / 2] ^= 1;
    return half ? Error("write", path_, ENOSPC) : absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    MutexLock lock(disk_.mutex_);
    RETURN_IF_ERROR(Begin("stat"));
    return node_->content.size();
  }

  absl::Status Preallocate(uint64_t size) override {
    MutexLock lock(disk_.mutex_);
    RETURN_IF_ERROR(Begin("preallocate"));
    if (node_->content.size() < size) node_->content.resize(size, '\0');
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    MutexLock lock(disk_.mutex_);
    RETURN_IF_ERROR(Begin("truncate"));
    node_->content.resize(size, '\0');
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    MutexLock lock(disk_.mutex_);
    RETURN_IF_ERROR(Begin("fsync"));
    node_->durable_content = node_->content;
    return absl::OkStatus();
  }

 private:
  absl::Status Begin(const char* operation, bool* flip = nullptr, bool* half = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_.mutex_) {
    if (life_ != disk_.lives_) return Error(operation, path_, ESTALE);
    return disk_.Begin(operation, path_, flip, half);
  }

  SimulatedDisk& disk_;
  const std::shared_ptr<Node> node_;
  const std::string path_;
  const bool writable_;
  const uint64_t life_;
};

class SimulatedDisk::HeldLock final : public FileLock {
 public:
  HeldLock(SimulatedDisk& disk, std::string path, uint64_t life) : disk_(disk), path_(std::move(path)), life_(life) {}
  ~HeldLock() override {
    MutexLock lock(disk_.mutex_);
    if (life_ == disk_.lives_) disk_.locks_.erase(path_);
  }

 private:
  SimulatedDisk& disk_;
  const std::string path_;
  const uint64_t life_;
};

SimulatedDisk::SimulatedDisk() : root_(std::make_shared<Node>(/*directory=*/true)) {}

SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::SetFault(uint64_t call, Fault fault) {
  MutexLock lock(mutex_);
  calls_ = 0;
  fault_at_ = call;
  fault_ = fault;
}

uint64_t SimulatedDisk::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}

void SimulatedDisk::Crash(const CrashOptions& options) {
  MutexLock lock(mutex_);
  std::mt19937_64 chance(options.seed);
  root_->Crash(options, chance);
  power_off_ = false;
  fault_at_ = 0;
  ++lives_;
  locks_.clear();
}

absl::Status SimulatedDisk::FlipBit(const std::string& path, uint64_t bit) {
  MutexLock lock(mutex_);
  const std::shared_ptr<Node> node = Find(path);
  if (node == nullptr || bit / 8 >= node->content.size()) return Error("flip a bit of", path, ENOENT);
  const char mask = static_cast<char>(1 << (bit % 8));
  node->content[bit / 8] ^= mask;
  if (bit / 8 < node->durable_content.size()) node->durable_content[bit / 8] ^= mask;
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Begin(const char* operation, const std::string& path, bool* flip, bool* half) {
  ++calls_;
  const bool faulty = calls_ == fault_at_;
  if (faulty && fault_ == Fault::kPowerOff) power_off_ = true;
  if (power_off_) return absl::UnavailableError(absl::StrCat(operation, " '", path, "': the power is off"));
  if (!faulty) return absl::OkStatus();
  switch (fault_) {
    case Fault::kIoError: return Error(operation, path, EIO);
    case Fault::kFlipBit:
      if (flip != nullptr) *flip = true;
      return absl::OkStatus();
    case Fault::kShortWrite:
      if (half == nullptr) return Error(operation, path, ENOSPC);
      *half = true;
      return absl::OkStatus();
    default: return Error(operation, path, ENOSPC);
  }
}

std::shared_ptr<SimulatedDisk::Node> SimulatedDisk::Find(const std::string& path) const {
  std::shared_ptr<Node> node = root_;
  for (const auto part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (!node->is_directory) return nullptr;
    const auto it = node->entries.find(std::string(part));
    if (it == node->entries.end()) return nullptr;
    node = it->second;
  }
  return node;
}

absl::StatusOr<std::shared_ptr<SimulatedDisk::Node>> SimulatedDisk::FindDirectory(const char* operation,
                                                                                  const std::string& path) const {
  std::shared_ptr<Node> node = Find(path);
  if (node == nullptr) return Error(operation, path, ENOENT);
  if (!node->is_directory) return Error(operation, path, ENOTDIR);
  return node;
}

absl::StatusOr<std::unique_ptr<File>> SimulatedDisk::Open(const std::string& path, OpenMode mode) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("open", path));
  std::shared_ptr<Node> node = Find(path);
  const bool creates = mode != OpenMode::kRead && mode != OpenMode::kReadWrite;
  if (node == nullptr) {
    if (!creates) return Error("open", path, ENOENT);
    ASSIGN_OR_RETURN(const std::shared_ptr<Node> parent, FindDirectory("open", ParentPath(path)));
    node = std::make_shared<Node>(/*directory=*/false);
    parent->entries[BaseName(path)] = node;
  } else if (mode == OpenMode::kCreateNew) {
    return Error("open", path, EEXIST);
  }
  if (node->is_directory) return Error("open", path, EISDIR);
  if (mode == OpenMode::kTruncate) node->content.clear();
  return std::make_unique<OpenFile>(*this, std::move(node), path, mode != OpenMode::kRead, lives_);
}

absl::StatusOr<FileInfo> SimulatedDisk::Stat(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("stat", path));
  const std::shared_ptr<Node> node = Find(path);
  if (node == nullptr) return Error("stat", path, ENOENT);
  return FileInfo{.is_directory = node->is_directory, .size = node->content.size()};
}

absl::StatusOr<std::vector<std::string>> SimulatedDisk::List(const std::string& directory) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("list", directory));
  ASSIGN_OR_RETURN(const std::shared_ptr<Node> node, FindDirectory("list", directory));
  std::vector<std::string> names;
  for (const auto& entry : node->entries) names.push_back(entry.first);
  return names;
}

absl::Status SimulatedDisk::CreateDirectory(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("create directory", path));
  ASSIGN_OR_RETURN(const std::shared_ptr<Node> parent, FindDirectory("create directory", ParentPath(path)));
  std::shared_ptr<Node>& node = parent->entries[BaseName(path)];
  if (node == nullptr) node = std::make_shared<Node>(/*directory=*/true);
  return node->is_directory ? absl::OkStatus() : Error("create directory", path, EEXIST);
}

absl::Status SimulatedDisk::Remove(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("remove", path));
  const std::shared_ptr<Node> node = Find(path);
  if (node == nullptr) return Error("remove", path, ENOENT);
  if (!node->entries.empty()) return Error("remove", path, ENOTEMPTY);
  Find(ParentPath(path))->entries.erase(BaseName(path));
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("rename", from));
  const std::shared_ptr<Node> node = Find(from);
  if (node == nullptr) return Error("rename", from, ENOENT);
  ASSIGN_OR_RETURN(const std::shared_ptr<Node> parent, FindDirectory("rename", ParentPath(to)));
  const std::shared_ptr<Node> target = Find(to);
  if (target != nullptr && target->is_directory != node->is_directory) {
    return Error("rename", to, node->is_directory ? ENOTDIR : EISDIR);
  }
  if (target != nullptr && !target->entries.empty()) return Error("rename", to, ENOTEMPTY);
  Find(ParentPath(from))->entries.erase(BaseName(from));
  parent->entries[BaseName(to)] = node;
  return absl::OkStatus();
}

absl::Status SimulatedDisk::SyncDirectory(const std::string& directory) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("fsync directory", directory));
  ASSIGN_OR_RETURN(const std::shared_ptr<Node> node, FindDirectory("fsync directory", directory));
  node->durable_entries = node->entries;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileLock>> SimulatedDisk::Lock(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("lock", path));
  ASSIGN_OR_RETURN(const std::shared_ptr<Node> parent, FindDirectory("lock", ParentPath(path)));
  if (!locks_.insert(path).second) {
    return absl::FailedPreconditionError(absl::StrCat("lock '", path, "': held by another process"));
  }
  std::shared_ptr<Node>& node = parent->entries[BaseName(path)];
  if (node == nullptr) node = std::make_shared<Node>(/*directory=*/false);
  return std::make_unique<HeldLock>(*this, path, lives_);
}

absl::StatusOr<std::string> SimulatedDisk::RealPath(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Begin("resolve", path));
  if (Find(path) == nullptr) return Error("resolve", path, ENOENT);
  return path;
}

}  // namespace banyan
