// ThreadSanitizer: options, what is not ours to mend, and the order that absl::Mutex makes.
//
// Debian's libraries are not instrumented. pthread_mutex is understood all the same; absl::Mutex, by which gRPC hands a
// call from one thread to the next, is not, and everything that travels through gRPC would look like a race. So its
// operations are stood in for here (libraries call them through the dynamic linker): they do what they did, and tell.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

extern "C" const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1"; }

// Only accesses that such a library makes itself carry its name. None of our own code is named here.
extern "C" const char* __tsan_default_suppressions() {
  return "race:libabsl_\n"   // its own atomics
         "race:libgrpc\n"    // reference counts and lock-free queues
         "race:libgpr.so\n"  // the same, and memory that it gives back
         "thread:libgpr.so\n";  // gRPC's own threads may outlive main by a moment
}

namespace {

// The library's own function of this mangled name.
template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

#define REAL(name, ...)                                                    \
  static const auto real = Real<void (*)(__VA_ARGS__)>("_ZN4absl7debian3" name)

void Mutex::Lock() {
  REAL("5Mutex4LockEv", Mutex*);
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  REAL("5Mutex6UnlockEv", Mutex*);
  __tsan_release(this);
  real(this);
}

void Mutex::ReaderLock() {
  REAL("5Mutex10ReaderLockEv", Mutex*);
  real(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  REAL("5Mutex12ReaderUnlockEv", Mutex*);
  __tsan_release(this);
  real(this);
}

bool Mutex::TryLock() {
  static const auto real = Real<bool (*)(Mutex*)>("_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void CondVar::Wait(Mutex* mutex) {
  REAL("7CondVar4WaitEPNS0_5MutexE", CondVar*, Mutex*);
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real =
      Real<bool (*)(CondVar*, Mutex*, Time)>("_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl
