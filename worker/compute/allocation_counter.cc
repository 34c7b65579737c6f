#include "worker/compute/allocation_counter.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string_view>

namespace {

thread_local bool here = false;
thread_local bool excepted = false;
std::atomic<bool> elsewhere = false;
std::atomic<uint64_t> counted = 0;

bool CalledByOneDnn(void* caller) {
  Dl_info info = {};
  return dladdr(caller, &info) != 0 && info.dli_fname != nullptr &&
         std::string_view(info.dli_fname).find("libdnnl") != std::string_view::npos;
}

void* Allocate(std::size_t size, void* caller) {
  const bool counts = here || (elsewhere.load(std::memory_order_relaxed) && !excepted);
  if (counts && !CalledByOneDnn(caller)) counted.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size, __builtin_return_address(0)); }
void* operator new[](std::size_t size) { return Allocate(size, __builtin_return_address(0)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size, __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace banyan::worker {

void CountAllocationsHere(bool on) { here = on; }

void CountAllocationsElsewhere(bool on) {
  excepted = on;
  elsewhere = on;
}

uint64_t AllocationsCounted() { return counted; }

}  // namespace banyan::worker
