// As asan.cc, for fuzz targets: any finding ends in SIGABRT, whose handler (tests/fuzz/main.cc) has the input.
extern "C" const char* __asan_default_options() {
  return "abort_on_error=1:handle_abort=0:max_allocation_size_mb=1024:detect_leaks=0";
}

extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }
