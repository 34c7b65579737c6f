#include "common/rpc/frame.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"

namespace banyan {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kHeaderTag = (1 << 3) | 2;
constexpr uint32_t kPayloadTag = (2 << 3) | 2;

// What a slice of borrowed memory holds on to.
using Owner = std::shared_ptr<const void>;

grpc::Slice BorrowedSlice(const Payload::Range& range) {
  return grpc::Slice(
      const_cast<std::byte*>(range.bytes.data()), range.bytes.size(), [](void* owner) { delete static_cast<Owner*>(owner); },
      new Owner(range.owner));
}

grpc::Slice HeaderSlice(const v1::FrameHeader& header, size_t payload_bytes) {
  const size_t header_bytes = header.ByteSizeLong();
  std::string bytes(header_bytes + 32, '\0');
  uint8_t* const begin = reinterpret_cast<uint8_t*>(bytes.data());
  uint8_t* end = CodedOutputStream::WriteTagToArray(kHeaderTag, begin);
  end = CodedOutputStream::WriteVarint64ToArray(header_bytes, end);
  end = header.SerializeWithCachedSizesToArray(end);
  if (payload_bytes > 0) {
    end = CodedOutputStream::WriteTagToArray(kPayloadTag, end);
    end = CodedOutputStream::WriteVarint64ToArray(payload_bytes, end);
  }
  return grpc::Slice(begin, static_cast<size_t>(end - begin));
}

// The last `size` bytes of `slices`, referred to.
Payload Tail(std::vector<grpc::Slice> slices, size_t size) {
  auto owner = std::make_shared<const std::vector<grpc::Slice>>(std::move(slices));
  size_t total = 0;
  for (const grpc::Slice& slice : *owner) total += slice.size();
  size_t skip = total - size;
  Payload payload;
  for (const grpc::Slice& slice : *owner) {
    const size_t skipped = std::min(skip, slice.size());
    skip -= skipped;
    if (skipped == slice.size()) continue;
    const auto* data = reinterpret_cast<const std::byte*>(slice.begin());
    payload.Append(std::span<const std::byte>(data + skipped, slice.size() - skipped), owner);
  }
  return payload;
}

}  // namespace

grpc::ByteBuffer EncodeFrame(const Frame& frame) {
  v1::FrameHeader header = frame.header;
  header.set_protocol(kProtocolVersion);
  std::vector<grpc::Slice> slices = {HeaderSlice(header, frame.payload.size())};
  for (const Payload::Range& range : frame.payload.ranges()) slices.push_back(BorrowedSlice(range));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

absl::StatusOr<Frame> DecodeFrame(const grpc::ByteBuffer& buffer) {
  grpc::ByteBuffer copy(buffer);  // shares the slices; the reader needs a buffer of its own
  grpc::ProtoBufferReader reader(&copy);
  CodedInputStream input(&reader);
  input.SetTotalBytesLimit(kMaxMessageBytes);
  Frame frame;
  uint32_t size = 0;
  if (input.ReadTag() != kHeaderTag || !input.ReadVarint32(&size)) {
    return absl::InvalidArgumentError(absl::StrCat("frame of ", buffer.Length(), " bytes does not begin with a header"));
  }
  const CodedInputStream::Limit limit = input.PushLimit(static_cast<int>(std::min<uint32_t>(size, kMaxMessageBytes)));
  if (!frame.header.ParseFromCodedStream(&input) || input.BytesUntilLimit() != 0) {
    return absl::InvalidArgumentError(absl::StrCat("frame header of ", size, " bytes cannot be parsed"));
  }
  input.PopLimit(limit);
  if (frame.header.protocol() != kProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("frame of protocol version ", frame.header.protocol(),
                                                      ", expected ", kProtocolVersion,
                                                      "; run the same Banyan version everywhere"));
  }
  const uint32_t tag = input.ReadTag();
  if (tag == 0) return frame;
  uint64_t payload_bytes = 0;
  if (tag != kPayloadTag || !input.ReadVarint64(&payload_bytes)) {
    return absl::InvalidArgumentError("frame has something other than a payload after its header");
  }
  const size_t rest = buffer.Length() - static_cast<size_t>(input.CurrentPosition());
  if (payload_bytes != rest) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame announces a payload of ", payload_bytes, " bytes and has ", rest));
  }
  std::vector<grpc::Slice> slices;
  if (const grpc::Status dumped = buffer.Dump(&slices); !dumped.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("frame cannot be read: ", dumped.error_message()));
  }
  frame.payload = Tail(std::move(slices), rest);
  return frame;
}

}  // namespace banyan
