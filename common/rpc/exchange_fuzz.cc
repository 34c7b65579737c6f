// libFuzzer's entry for what a peer's exchange stream may carry: frames of both directions and of server to server.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/frame.h"

namespace banyan {
namespace {

constexpr uint32_t kLeaves = 5;

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  CHECK(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// In two slices, as a network may cut it.
grpc::ByteBuffer Buffer(const uint8_t* data, size_t size) {
  const grpc::Slice slices[] = {grpc::Slice(data, size / 2), grpc::Slice(data + size / 2, size - size / 2)};
  return grpc::ByteBuffer(slices, 2);
}

// A message that is accepted, written and read again is written the same.
template <typename Message, typename Encode, typename Decode>
void CheckRoundTrip(const Message& message, Encode encode, Decode decode) {
  const std::string written = Bytes(EncodeFrame(encode(message)));
  const absl::StatusOr<Frame> frame = DecodeFrame(Buffer(reinterpret_cast<const uint8_t*>(written.data()),
                                                         written.size()));
  CHECK(frame.ok());
  const auto again = decode(*frame);
  CHECK(again.ok());
  CHECK(Bytes(EncodeFrame(encode(*again))) == written);
}

}  // namespace

namespace fuzz {

std::vector<std::string> Seeds() {
  const Payload data = Payload::Copy(AsBytes(std::string(32, '\x3f')));
  LeafSet covered(kLeaves);
  covered.Add(4);
  State state = {.term = 1, .epoch = 2, .done_through = 3, .window_end = 4};
  state.chunks.push_back({.chunk = ChunkId(1), .use = 0, .applied = 3, .covered = covered});
  state.map = ChunkMap{.epoch = 2,
                       .servers = {{.id = ServerId(9), .incarnation = Incarnation(8), .endpoint = "h:1", .shards = 2}},
                       .owners = {{.primary = 0}}};
  const Push push = {.term = 2, .step = 7, .chunk = ChunkId(3), .use = 1, .node = {.level = 2, .index = 1},
                     .weight = 1.5, .loss = 0.25, .data = data};
  const Weights weights = {.step = 1, .chunk = ChunkId(0), .ledger = Ledger{.step = 1, .norm = 0.5}, .data = data};
  const SegmentSum part = {.chunk = ChunkId(2), .segment = 1, .sum_of_squares = 0.1};
  const Sum sum = {.term = 1, .step = 2, .from = ServerId(3), .parts = {part}, .weight = 4.0, .ask = true};
  return {Bytes(EncodeFrame(EncodeToServer(push))), Bytes(EncodeFrame(EncodeToServer(Pull{}))),
          Bytes(EncodeFrame(EncodeToWorker(state))), Bytes(EncodeFrame(EncodeToWorker(weights))),
          Bytes(EncodeFrame(EncodeToWorker(Moved{}))), Bytes(EncodeFrame(EncodeSum(sum)))};
}

}  // namespace fuzz
}  // namespace banyan

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace banyan;
  const absl::StatusOr<Frame> frame = DecodeFrame(Buffer(data, size));
  if (!frame.ok()) return 0;
  const auto to_worker = [](const Frame& decoded) { return DecodeToWorker(decoded, kLeaves); };
  if (const auto message = DecodeToServer(*frame); message.ok()) {
    CheckRoundTrip(*message, EncodeToServer, DecodeToServer);
  }
  if (const auto message = to_worker(*frame); message.ok()) CheckRoundTrip(*message, EncodeToWorker, to_worker);
  if (const auto message = DecodeSum(*frame); message.ok()) CheckRoundTrip(*message, EncodeSum, DecodeSum);
  return 0;
}
