// libFuzzer's entry for what a primary and a backup say to each other: an input is frames, each after its length in two
// bytes, the lower one first.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/rpc/frame.h"
#include "common/rpc/replica_codec.h"

namespace banyan {
namespace {

std::string Bytes(const Frame& frame) {
  std::vector<grpc::Slice> slices;
  CHECK(EncodeFrame(frame).Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

std::string Bytes(const std::vector<Frame>& frames) {
  std::string bytes;
  for (const Frame& frame : frames) {
    const std::string one = Bytes(frame);
    bytes += {static_cast<char>(one.size() & 255), static_cast<char>(one.size() >> 8)};
    bytes += one;
  }
  return bytes;
}

// Those that are frames; ends with the first that is none.
std::vector<Frame> Frames(std::string_view bytes) {
  std::vector<Frame> frames;
  while (bytes.size() >= 2) {
    const size_t length = static_cast<uint8_t>(bytes[0]) | static_cast<size_t>(static_cast<uint8_t>(bytes[1])) << 8;
    const std::string_view one = bytes.substr(2, length);
    const grpc::Slice slice(one.data(), one.size());
    absl::StatusOr<Frame> frame = DecodeFrame(grpc::ByteBuffer(&slice, 1));
    if (!frame.ok()) break;
    frames.push_back(*std::move(frame));
    bytes.remove_prefix(std::min(bytes.size(), 2 + length));
  }
  return frames;
}

// The messages before the first frame that is refused.
std::vector<ToBackup> Messages(std::vector<Frame> frames) {
  std::vector<ToBackup> messages;
  ToBackupDecoder decoder;
  for (Frame& frame : frames) {
    absl::StatusOr<std::optional<ToBackup>> message = decoder.Add(std::move(frame));
    if (!message.ok()) break;
    if (message->has_value()) messages.push_back(**std::move(message));
  }
  return messages;
}

}  // namespace

namespace fuzz {

std::vector<std::string> Seeds() {
  const Payload data = Payload::Copy(AsBytes(std::string(32, '\x3f')));
  const Ledger ledger = {.step = 6, .norm = 0.5};
  ChunkState state = {.term = 2, .epoch = 4, .applied = 6, .chunk = ChunkId(1), .weights = data};
  state.slots = {data, data};
  state.previous = data;
  state.ledger = ledger;
  state.entries.push_back({.term = 2, .step = 6, .chunk = ChunkId(1)});
  const Held held = {.term = 2, .epoch = 4, .chunks = {{.chunk = ChunkId(1), .applied = 6, .root_epoch = 3}}};
  const Greeting greeting = {.term = 2, .epoch = 4, .server = ServerId(9), .incarnation = Incarnation(8), .shard = 1};
  const Root root = {
      .term = 2, .epoch = 4, .step = 7, .chunk = ChunkId(1), .weight = 2, .before = ledger, .data = data};
  return {Bytes(EncodeToBackup(greeting)) + Bytes(EncodeToBackup(state)) + Bytes(EncodeToBackup(root)),
          Bytes(std::vector{EncodeHeld(held)})};
}

}  // namespace fuzz
}  // namespace banyan

// What is accepted, written and read again is written the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace banyan;
  const std::vector<Frame> frames = Frames({reinterpret_cast<const char*>(data), size});
  for (const ToBackup& message : Messages(frames)) {
    const std::vector<Frame> written = EncodeToBackup(message);
    const std::vector<ToBackup> again = Messages(written);
    CHECK_EQ(again.size(), 1u);
    CHECK(Bytes(EncodeToBackup(again[0])) == Bytes(written));
  }
  for (const Frame& frame : frames) {
    const absl::StatusOr<Held> held = DecodeHeld(frame);
    if (!held.ok()) continue;
    const Frame written = EncodeHeld(*held);
    const absl::StatusOr<Held> again = DecodeHeld(written);
    CHECK(again.ok());
    CHECK(Bytes(EncodeHeld(*again)) == Bytes(written));
  }
  return 0;
}
