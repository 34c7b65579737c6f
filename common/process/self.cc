#include "common/process/self.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "common/process/commit.h"

namespace banyan {

std::string BuildVersion() { return absl::StrCat(kVersion, "+", kCommit); }

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

uint64_t PeakMemoryBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace banyan
