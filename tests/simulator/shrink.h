#ifndef BANYAN_TESTS_SIMULATOR_SHRINK_H_
#define BANYAN_TESTS_SIMULATOR_SHRINK_H_

#include <functional>
#include <vector>

#include "tests/simulator/faults.h"

namespace banyan::simulator {

// Delta debugging (Zeller and Hildebrandt 2002): a part of `faults` that still `fails`, from which no single fault can
// be taken. `faults` itself fails.
std::vector<Fault> Shrink(std::vector<Fault> faults, const std::function<bool(const std::vector<Fault>&)>& fails);

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SHRINK_H_
