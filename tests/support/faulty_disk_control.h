#ifndef BANYAN_TESTS_SUPPORT_FAULTY_DISK_CONTROL_H_
#define BANYAN_TESTS_SUPPORT_FAULTY_DISK_CONTROL_H_

#include <array>
#include <atomic>
#include <cstdint>

namespace banyan::testing {

enum class DiskFault : uint32_t {
  kNone,
  kFull,      // files do not grow and folders are not made: ENOSPC. What is there may be overwritten and deleted
  kReadOnly,  // nothing changes: EROFS
};

inline constexpr char kDiskControlVariable[] = "BANYAN_TESTS_DISK";

// A file that the test and its processes have mapped.
struct DiskControl {
  std::atomic<DiskFault> fault = DiskFault::kNone;
  std::atomic<uint64_t> refused = 0;
  std::array<char, 4000> path = {};  // changes only while there is no fault
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_FAULTY_DISK_CONTROL_H_
