#ifndef BANYAN_TESTS_SIMULATOR_PROCESS_DISK_H_
#define BANYAN_TESTS_SIMULATOR_PROCESS_DISK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/file/file_system.h"

namespace banyan::simulator {

// The disk that all processes share, as one process sees it: the process may die at any call, and then does nothing
// more; the disk may be full. Thread-compatible.
class ProcessDisk final : public FileSystem {
 public:
  struct Options {
    FileSystem* disk = nullptr;    // outlives this one
    const bool* full = nullptr;    // outlives this one
    std::function<void()> on_death;
  };
  explicit ProcessDisk(Options options) : options_(std::move(options)) {}

  // The process dies at the `call`-th call from now on (1 is the next), which does nothing.
  void DieAt(uint64_t call) { die_at_ = call; }

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
  class OpenFile;

  absl::Status Begin(bool grows, const std::string& path);

  const Options options_;
  uint64_t die_at_ = 0;  // 0: does not
  bool dead_ = false;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_PROCESS_DISK_H_
