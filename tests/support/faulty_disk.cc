#include "tests/support/faulty_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/base/check.h"

namespace banyan::testing {

FaultyDisk::FaultyDisk(const std::string& folder) : file_(folder + "/disk-control") {
  const int fd = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK_EQ(ftruncate(fd, sizeof(DiskControl)), 0);
  void* const memory = mmap(nullptr, sizeof(DiskControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(memory != MAP_FAILED);
  close(fd);
  control_ = new (memory) DiskControl();
}

FaultyDisk::~FaultyDisk() { munmap(control_, sizeof(DiskControl)); }

std::vector<std::string> FaultyDisk::Environment() const {
  const std::string library = std::filesystem::canonical("tests/support/libfaulty_disk.so");
  return {"LD_PRELOAD=" + library, std::string(kDiskControlVariable) + "=" + file_};
}

void FaultyDisk::Set(DiskFault fault, const std::string& path) {
  control_->fault = DiskFault::kNone;
  CHECK(path.size() < control_->path.size());
  std::ranges::fill(control_->path, '\0');
  std::ranges::copy(path, control_->path.begin());
  control_->fault = fault;
}

}  // namespace banyan::testing
