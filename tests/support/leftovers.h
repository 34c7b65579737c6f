#ifndef BANYAN_TESTS_SUPPORT_LEFTOVERS_H_
#define BANYAN_TESTS_SUPPORT_LEFTOVERS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace banyan::testing {

// What a drain may take (docs/operations.md); where a sanitizer slows what ends, more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kDrainSeconds = 24;
#else
inline constexpr int kDrainSeconds = 8;
#endif

// Processes of this machine, but for the caller, whose command line names `text`, as a folder of the test's own.
std::vector<pid_t> ProcessesThatName(const std::string& text);

// Waits until all have ended; those that have not after `seconds`.
std::vector<pid_t> StillThereAfter(const std::vector<pid_t>& processes, int seconds);

// Whether somebody listens on host:port, a numeric address of IPv4.
bool SomebodyListens(const std::string& endpoint);

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_LEFTOVERS_H_
