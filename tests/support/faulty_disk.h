#ifndef BANYAN_TESTS_SUPPORT_FAULTY_DISK_H_
#define BANYAN_TESTS_SUPPORT_FAULTY_DISK_H_

#include <string>
#include <vector>

#include "tests/support/faulty_disk_control.h"

namespace banyan::testing {

// Folders of real processes whose disk gets full or turns read-only while they run, open files included, as a disk does
// after an error, and gets well again. A library that is loaded into them before libc answers their calls as the kernel
// would: without root, namespaces, or a file system to mount. What the C library writes by itself (stdio) passes it by.
// Thread-compatible.
class FaultyDisk {
 public:
  // Keeps a file in `folder`.
  explicit FaultyDisk(const std::string& folder);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // NAME=value for the processes that are to have this disk.
  std::vector<std::string> Environment() const;

  // From now on all whose path begins with `path`: an absolute one without links, which there may be nothing at yet.
  void Fill(const std::string& path) { Set(DiskFault::kFull, path); }
  void TurnReadOnly(const std::string& path) { Set(DiskFault::kReadOnly, path); }
  void Mend() { Set(DiskFault::kNone, ""); }

  // How many calls it has answered so.
  uint64_t refused() const { return control_->refused; }

 private:
  void Set(DiskFault fault, const std::string& path);

  const std::string file_;
  DiskControl* control_ = nullptr;
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_FAULTY_DISK_H_
