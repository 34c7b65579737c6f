// libFuzzer's entry for the header of a safetensors file; safetensors_test.cc replays a corpus through it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // The first two bytes say how much data follows the header.
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const uint64_t file_size = 8 + text.size() + data[0] + 256u * data[1];
  const auto header = banyan::ParseSafetensorsHeader(text, file_size);
  if (!header.ok()) return 0;
  // What is accepted covers the data exactly and survives being written again.
  std::vector<banyan::SafetensorsTensor> tensors;
  uint64_t position = header->data_begin;
  for (const auto& tensor : header->tensors) {
    CHECK_EQ(tensor.begin, position);
    position = tensor.end;
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  CHECK_EQ(position, file_size);
  const auto again = banyan::EncodeSafetensorsHeader(tensors, header->metadata);
  if (!again.ok()) return 0;  // an empty name, which is read but not written
  const auto parsed = banyan::ParseSafetensorsHeader(std::string_view(*again).substr(8),
                                                     again->size() + file_size - header->data_begin);
  CHECK(parsed.ok());
  CHECK_EQ(parsed->tensors.size(), header->tensors.size());
  CHECK(parsed->metadata == header->metadata);
  return 0;
}
