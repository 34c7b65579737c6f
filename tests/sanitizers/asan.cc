// AddressSanitizer with its leak check, and UndefinedBehaviorSanitizer: options, and what is not ours to mend. It wants
// to be loaded before all others, and works as well where a test's LD_PRELOAD is.
extern "C" const char* __asan_default_options() {
  return "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:detect_leaks=1:"
         "verify_asan_link_order=0";
}

extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }

// Matched with the frames of the allocation. None of our own code is named here.
extern "C" const char* __lsan_default_suppressions() { return ""; }
