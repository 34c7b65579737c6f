#ifndef BANYAN_COMMON_PROCESS_SELF_H_
#define BANYAN_COMMON_PROCESS_SELF_H_

#include <cstdint>
#include <string>

// What a process can say of itself. Thread-safe.
namespace banyan {

inline constexpr char kVersion[] = "0.1.0";

// "0.1.0+1a2b3c4d5e6f": version and commit; "-changed" follows where the checkout had changes, "unknown" stands where
// there was none.
std::string BuildVersion();

// Of this machine. Empty where it cannot be had.
std::string HostName();

// The most memory that this process ever had resident.
uint64_t PeakMemoryBytes();

}  // namespace banyan

#endif  // BANYAN_COMMON_PROCESS_SELF_H_
