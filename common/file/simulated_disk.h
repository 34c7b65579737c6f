#ifndef BANYAN_COMMON_FILE_SIMULATED_DISK_H_
#define BANYAN_COMMON_FILE_SIMULATED_DISK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"
#include "common/file/file_system.h"

namespace banyan {

// A disk in memory that loses power, for tests. It promises no more than POSIX: content is durable after File::Sync,
// names after SyncDirectory of their folder, and whatever was not synced may be there after a crash or not, names and
// content independently. Paths are absolute; there are no symbolic links. Thread-safe.
class SimulatedDisk final : public FileSystem {
 public:
  enum class Fault {
    kPowerOff,    // this call and all later ones do nothing and fail, until Crash
    kNoSpace,     // this call fails as on a full disk, and does nothing
    kShortWrite,  // a write does its first half, then the disk is full; any other call: kNoSpace
    kIoError,     // this call fails with EIO, and does nothing
    kFlipBit,     // a write or read passes with one bit turned; any other call passes
  };

  // What a crash leaves of names and content that were not synced.
  enum class Unsynced { kLost, kKept, kTorn };  // kTorn: each name, and each page of 4096 bytes, by chance
  struct CrashOptions {
    Unsynced names = Unsynced::kLost;
    Unsynced content = Unsynced::kLost;
    uint64_t seed = 0;  // of chance
  };

  SimulatedDisk();
  ~SimulatedDisk() override;

  // The `call`-th call from now on (1 is the next) has `fault`. Replaces the fault set before.
  void SetFault(uint64_t call, Fault fault);
  // Calls since the last SetFault, or since the beginning.
  uint64_t calls() const;

  // Power is lost and comes back: open files fail from now on, locks are gone.
  void Crash() { Crash(CrashOptions()); }
  void Crash(const CrashOptions& options);

  // Turns bit `bit` (from the file's first byte on) in memory and on the platter.
  absl::Status FlipBit(const std::string& path, uint64_t bit);

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  absl::StatusOr<std::string> RealPath(const std::string& path) override;

 private:
  struct Node;
  class OpenFile;
  class HeldLock;

  // Counts a call; its fault, or OK. `flip` is set when the call is to turn a bit, `half` when to do half a write.
  absl::Status Begin(const char* operation, const std::string& path, bool* flip = nullptr, bool* half = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Node> Find(const std::string& path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<Node>> FindDirectory(const char* operation, const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  const std::shared_ptr<Node> root_;  // shared with open files: a file outlives its name
  uint64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t fault_at_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
  Fault fault_ ABSL_GUARDED_BY(mutex_) = Fault::kPowerOff;
  bool power_off_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t lives_ ABSL_GUARDED_BY(mutex_) = 0;  // crashes so far; open files of another life fail
  std::set<std::string> locks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan

#endif  // BANYAN_COMMON_FILE_SIMULATED_DISK_H_
