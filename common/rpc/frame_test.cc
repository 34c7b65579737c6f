#include "common/rpc/frame.h"

#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

std::string Text(const Payload& payload) {
  std::string text(payload.size(), '\0');
  payload.CopyTo(std::as_writable_bytes(std::span(text)));
  return text;
}

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// A buffer of the same bytes in slices of `size`.
grpc::ByteBuffer Cut(const std::string& bytes, size_t size) {
  std::vector<grpc::Slice> slices;
  for (size_t i = 0; i < bytes.size(); i += size) slices.emplace_back(bytes.substr(i, size));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

Frame PushFrame(const std::string& data) {
  Frame frame;
  frame.header.mutable_push()->set_step(7);
  frame.header.mutable_push()->set_chunk(3);
  frame.payload = Payload::Copy(AsBytes(data));
  return frame;
}

TEST(FrameTest, ComesBackWhateverTheSlices) {
  const std::string data(1000, 'x');
  const std::string bytes = Bytes(EncodeFrame(PushFrame(data)));
  for (const size_t size : {1, 2, 3, 7, 64, 999, 2000}) {
    const absl::StatusOr<Frame> frame = DecodeFrame(Cut(bytes, size));
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_EQ(frame->header.push().step(), 7);
    EXPECT_EQ(frame->header.protocol(), kProtocolVersion);
    EXPECT_EQ(Text(frame->payload), data);
  }
}

TEST(FrameTest, IsTheBytesOfTheProtobufMessage) {
  v1::Frame message;
  ASSERT_TRUE(message.ParseFromString(Bytes(EncodeFrame(PushFrame("abc")))));
  EXPECT_EQ(message.header().push().chunk(), 3);
  EXPECT_EQ(message.payload(), "abc");
  const absl::StatusOr<Frame> frame = DecodeFrame(Cut(message.SerializeAsString(), 5));
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_EQ(Text(frame->payload), "abc");
}

TEST(FrameTest, EncodingSharesThePayloadsMemoryUntilTheBufferIsGone) {
  auto data = std::make_shared<const std::string>(100000, 'y');
  Frame frame;
  frame.header.mutable_weights();
  frame.payload.Append(AsBytes(*data), data);
  {
    const grpc::ByteBuffer buffer = EncodeFrame(frame);
    frame = {};
    EXPECT_EQ(data.use_count(), 2);
  }
  EXPECT_EQ(data.use_count(), 1);
}

TEST(FrameTest, WithoutPayloadHasNone) {
  Frame frame;
  frame.header.mutable_pull()->set_step(1);
  const absl::StatusOr<Frame> back = DecodeFrame(EncodeFrame(frame));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->payload.empty());
}

TEST(FrameTest, RefusesEveryTruncationAndForeignBytes) {
  const std::string bytes = Bytes(EncodeFrame(PushFrame("payload")));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::StatusOr<Frame> frame = DecodeFrame(Cut(bytes.substr(0, size), 4));
    // What remains when exactly the payload is cut off is a whole frame without one.
    if (frame.ok()) {
      EXPECT_TRUE(frame->payload.empty()) << size;
    } else {
      EXPECT_EQ(frame.status().code(), absl::StatusCode::kInvalidArgument) << size;
    }
  }
  EXPECT_FALSE(DecodeFrame(Cut(bytes + "z", 100)).ok());
  EXPECT_FALSE(DecodeFrame(Cut(std::string(100, '\xff'), 100)).ok());
}

TEST(FrameTest, RefusesAnotherProtocolVersion) {
  v1::Frame message;
  message.mutable_header()->set_protocol(kProtocolVersion + 1);
  const absl::StatusOr<Frame> frame = DecodeFrame(Cut(message.SerializeAsString(), 100));
  EXPECT_EQ(frame.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace banyan
