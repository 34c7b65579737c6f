#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/config/job_file.h"
#include "common/config/print.h"

// No YAML breaks the reader; what it accepts is printed to a fixed point.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace banyan::config;
  const ReadJobResult read = ReadJob("fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size));
  if (!read.ok()) {
    CHECK(!read.diagnostics.Format().empty());
    return 0;
  }
  const std::string printed = PrintYaml(read.job);
  const ReadJobResult again = ReadJob("printed.yaml", printed);
  CHECK_EQ(again.diagnostics.Format(), "");
  CHECK_EQ(PrintYaml(again.job), printed);
  return 0;
}
