#include "tests/simulator/shrink.h"

#include <algorithm>
#include <cstddef>

namespace banyan::simulator {

std::vector<Fault> Shrink(std::vector<Fault> faults, const std::function<bool(const std::vector<Fault>&)>& fails) {
  size_t size = std::max<size_t>(1, faults.size() / 2);
  while (!faults.empty()) {
    bool shrunk = false;
    for (size_t begin = 0; begin < faults.size();) {
      std::vector<Fault> fewer(faults.begin(), faults.begin() + static_cast<std::ptrdiff_t>(begin));
      fewer.insert(fewer.end(), faults.begin() + static_cast<std::ptrdiff_t>(std::min(faults.size(), begin + size)),
                   faults.end());
      if (fails(fewer)) {
        faults = std::move(fewer);
        shrunk = true;
      } else {
        begin += size;
      }
    }
    if (size == 1 && !shrunk) break;
    size = std::max<size_t>(1, size / 2);
  }
  return faults;
}

}  // namespace banyan::simulator
