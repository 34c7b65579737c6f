#include "common/rpc/process_settings.h"

#include <malloc.h>

#include <mutex>

#include "absl/synchronization/mutex.h"

namespace banyan {
namespace {

// Of free memory at the top of each of malloc's heaps. Setting it fixes the size from which malloc maps memory apart,
// which would else follow what is freed: chunks yes, the network's buffers no.
constexpr int kKeptBytes = 64 << 20;
constexpr int kMappedFromBytes = 512 << 10;

}  // namespace

void SetUpProcessForRpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Messages arrive in memory that is freed as soon as they are used. By default malloc gives it back to the kernel
    // again and again, and a third of a stream's time goes into page faults.
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    mallopt(M_MMAP_THRESHOLD, kMappedFromBytes);
    // gRPC's locks are absl::Mutex. Debian builds Abseil as for debugging: each lock goes into a graph of who holds
    // what, behind one spin lock for all threads.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  });
}

}  // namespace banyan
