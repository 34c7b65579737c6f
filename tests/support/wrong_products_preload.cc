// A processor that computes wrong now and then. The library stands before oneDNN in the worker that WRONG_PRODUCTS_OF
// names; while the file WRONG_PRODUCTS_WHILE is there, one matrix product in a hundred has a wrong bit.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "oneapi/dnnl/dnnl.h"

namespace {

// By its command line, which its arguments are in, each with a zero at its end.
bool IsTheOne() {
  const char* const name = std::getenv("WRONG_PRODUCTS_OF");
  if (name == nullptr) return false;
  std::stringstream arguments;
  arguments << std::ifstream("/proc/self/cmdline").rdbuf();
  return arguments.str().find(std::string("--name=") + name + '\0') != std::string::npos;
}

bool IsWrong() {
  static const bool is_the_one = IsTheOne();
  static std::atomic<uint64_t> products = 0;
  const char* const file = std::getenv("WRONG_PRODUCTS_WHILE");
  return is_the_one && file != nullptr && ++products % 100 == 0 && access(file, F_OK) == 0;
}

}  // namespace

extern "C" dnnl_status_t dnnl_sgemm(char transpose_a, char transpose_b, dnnl_dim_t m, dnnl_dim_t n, dnnl_dim_t k,
                                    float alpha, const float* a, dnnl_dim_t lda, const float* b, dnnl_dim_t ldb,
                                    float beta, float* c, dnnl_dim_t ldc) {
  static const auto next = reinterpret_cast<decltype(&dnnl_sgemm)>(dlsym(RTLD_NEXT, "dnnl_sgemm"));
  const dnnl_status_t status = next(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (IsWrong()) {
    uint32_t bits = 0;
    std::memcpy(&bits, c, sizeof(bits));
    bits ^= 1u << 14;
    std::memcpy(c, &bits, sizeof(bits));
  }
  return status;
}
