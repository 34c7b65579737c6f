// ThreadSanitizer: options, what is not ours to mend, and the order that absl::Mutex makes.
//
// Debian's libraries are not instrumented. pthread_mutex is understood all the same; absl::Mutex, by which gRPC hands a
// call from one thread to the next, is not, and everything that travels through gRPC would look like a race. So its
// operations are stood in for here (libraries call them through the dynamic linker): they do what they did, and tell.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <atomic>
#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "grpc/grpc.h"

extern "C" const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1:history_size=5"; }

// A race is passed over if one of its stacks has a frame that is named here. gRPC's own threads call us from libgrpc++,
// which is not: what we do on them counts.
extern "C" const char* __tsan_default_suppressions() {
  return "race:libabsl_\n"     // its own atomics
         "race:libgrpc.so\n"   // reference counts and lock-free queues
         "race:libgpr.so\n"    // the same, and memory that it gives back
         // What a call hands to its completion, through those queues. None of these calls us.
         "race:grpc::internal::CallOp\n"
         "race:grpc::internal::InterceptorBatchMethodsImpl\n"
         "race:grpc::ByteBuffer::\n"
         "race:ServerCallbackReaderWriterImpl::ServerCallbackReaderWriterImpl\n"
         "race:ServerCallbackReaderWriterImpl::Finish\n"
         // Where a call that is answered by a thread of its own is allocated.
         "race:SyncRequestThreadManager::AddSyncMethod\n"
         // Its cache of primitives is made by whoever comes first, behind a guard that is not seen.
         "called_from_lib:libdnnl.so\n"
         "thread:libgpr.so\n";  // gRPC's own threads may outlive main by a moment
}

namespace {

// The library's own function of this mangled name.
template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// Whoever starts a batch of a call's operations comes before whoever is told that it is over: a stream that was just
// made before its first frame. So does whoever ends it: the thread that received a frame before the one that is given
// it. (A frame that seems to race in each of its bytes is passed over byte for byte, and that takes a minute.)
extern "C" grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t nops, void* tag,
                                                 void* reserved) {
  static const auto real = Real<decltype(&grpc_call_start_batch)>("grpc_call_start_batch");
  __tsan_release(tag);
  return real(call, ops, nops, tag, reserved);
}

#define END_OP "_Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_S6_b"
extern "C" void EndOp(void* queue, void* tag, void* status, void* done, void* done_arg, void* storage, bool internal)
    __asm__(END_OP);
void EndOp(void* queue, void* tag, void* status, void* done, void* done_arg, void* storage, bool internal) {
  static const auto real = Real<decltype(&EndOp)>(END_OP);
  __tsan_release(tag);
  real(queue, tag, status, done, done_arg, storage, internal);
}

extern "C" grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline, void* reserved) {
  static const auto real = Real<decltype(&grpc_completion_queue_next)>("grpc_completion_queue_next");
  const grpc_event event = real(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

extern "C" grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag, gpr_timespec deadline,
                                                  void* reserved) {
  static const auto real = Real<decltype(&grpc_completion_queue_pluck)>("grpc_completion_queue_pluck");
  const grpc_event event = real(queue, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(tag);
  return event;
}

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

// A call on a server is over when the last of its callbacks is. That one is often gRPC's own, which is not seen to come
// after ours.
extern "C" void ScheduleOnDone(void* call, bool at_once)
    __asm__("_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
void ScheduleOnDone(void* call, bool at_once) {
  static const auto real = Real<void (*)(void*, bool)>("_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
  // As grpc::internal::ServerCallbackCall begins.
  struct Callbacks {
    virtual ~Callbacks() = default;
    std::atomic_int until_cancelled;
    std::atomic_int outstanding;
  };
  __tsan_acquire(&static_cast<Callbacks*>(call)->outstanding);
  real(call, at_once);
}

// What a status says is shared by its copies; whoever lets go last deletes it, in the library, after all the others.
extern "C" void UnrefStatus(uintptr_t shared) __asm__("_ZN4absl7debian36Status15UnrefNonInlinedEm");
void UnrefStatus(uintptr_t shared) {
  static const auto real = Real<void (*)(uintptr_t)>("_ZN4absl7debian36Status15UnrefNonInlinedEm");
  __tsan_release(reinterpret_cast<void*>(shared));
  __tsan_acquire(reinterpret_cast<void*>(shared));
  real(shared);
}
