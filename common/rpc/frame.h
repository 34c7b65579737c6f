#ifndef BANYAN_COMMON_RPC_FRAME_H_
#define BANYAN_COMMON_RPC_FRAME_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/tensor/payload.h"
#include "grpcpp/support/byte_buffer.h"
#include "proto/parameter_server.pb.h"

// Frames as they travel: the bytes of the protobuf message Frame, header first and payload last, made and read without
// touching the payload.
//
//   frame   := 0x0a varint(size of header) header [0x12 varint(size of payload) payload]
//   header  := FrameHeader, protobuf-encoded
namespace banyan {

inline constexpr uint32_t kProtocolVersion = 1;

// Largest frame that a stream accepts; a chunk (at most 4 MiB) fits with room for the header.
inline constexpr int kMaxMessageBytes = 8 << 20;

struct Frame {
  v1::FrameHeader header;
  Payload payload;
};

// The payload's memory is referred to, not copied: the buffer shares in its owners until gRPC has sent it. Sets the
// header's protocol version.
grpc::ByteBuffer EncodeFrame(const Frame& frame);

// The payload refers to the buffer's slices. INVALID_ARGUMENT on bytes that are no frame, FAILED_PRECONDITION on
// another protocol version.
absl::StatusOr<Frame> DecodeFrame(const grpc::ByteBuffer& buffer);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_FRAME_H_
