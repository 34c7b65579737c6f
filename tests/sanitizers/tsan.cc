// ThreadSanitizer: options, and what is not ours to mend.
extern "C" const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1"; }

// Debian's libraries are not instrumented, so the order that their own locks and atomics make is not seen. None of our
// own code is named here.
extern "C" const char* __tsan_default_suppressions() {
  return "";
}
