// libFuzzer's entry for a checkpoint's manifest.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/check.h"
#include "common/checkpoint/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace banyan;
  const auto manifest = ManifestFromJson(std::string(reinterpret_cast<const char*>(data), size));
  if (!manifest.ok()) return 0;
  // What is accepted is written to a fixed point, and its tensors are refused or listed.
  TensorsOf(*manifest).IgnoreError();
  const auto json = ManifestToJson(*manifest);
  CHECK(json.ok());
  const auto again = ManifestFromJson(*json);
  CHECK(again.ok());
  CHECK(ManifestToJson(*again).value() == *json);
  return 0;
}
