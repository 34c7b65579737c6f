#include "common/rpc/frame_stream.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/sync.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"
#include "proto/parameter_server.grpc.pb.h"

namespace banyan {
namespace {

constexpr char kMethod[] = "/banyan.v1.ParameterServer/Exchange";
constexpr char kToken[] = "0123";

Frame Numbered(uint64_t step, size_t bytes = 0) {
  Frame frame;
  frame.header.mutable_pull()->set_step(step);
  if (bytes > 0) frame.payload = Payload::Copy(AsBytes(std::string(bytes, 'p')));
  return frame;
}

// What one end of a stream saw.
struct End {
  Mutex mutex;
  CondVar changed;
  std::vector<uint64_t> steps;
  size_t payload_bytes = 0;
  bool closed = false;
  absl::Status status;

  FrameStream::Handlers Handlers() {
    return {.on_frame =
                [this](Frame frame) {
                  MutexLock lock(mutex);
                  steps.push_back(frame.header.pull().step());
                  payload_bytes += frame.payload.size();
                  changed.SignalAll();
                },
            .on_closed =
                [this](const absl::Status& why) {
                  MutexLock lock(mutex);
                  closed = true;
                  status = why;
                  changed.SignalAll();
                }};
  }

  void AwaitSteps(size_t count) {
    MutexLock lock(mutex);
    while (steps.size() < count && !closed) changed.Wait(mutex);
  }

  void AwaitClosed() {
    MutexLock lock(mutex);
    while (!closed) changed.Wait(mutex);
  }
};

// Accepts streams; the newest is `stream`.
class Acceptor final : public v1::ParameterServer::WithRawCallbackMethod_Exchange<v1::ParameterServer::Service> {
 public:
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Exchange(grpc::CallbackServerContext*) override {
    AcceptedFrameStream accepted = AcceptFrameStream(end.Handlers());
    MutexLock lock(end.mutex);
    stream = accepted.stream;
    end.changed.SignalAll();
    return accepted.reactor;
  }

  std::shared_ptr<FrameStream> Await() {
    MutexLock lock(end.mutex);
    while (stream == nullptr) end.changed.Wait(end.mutex);
    return stream;
  }

  End end;
  std::shared_ptr<FrameStream> stream;
};

class FrameStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<RpcServer>> server =
        RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {&acceptor_}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = Connect(server_->endpoint());
  }

  std::shared_ptr<FrameStream> Open(const std::string& token = kToken) {
    return OpenFrameStream(channel_, kMethod, MakeContext(token), client_.Handlers(),
                           [](const std::shared_ptr<void>&) {});
  }

  Acceptor acceptor_;
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  End client_;
};

TEST_F(FrameStreamTest, FramesTravelBothWaysInOrder) {
  const auto stream = Open();
  for (uint64_t step = 0; step < 3; ++step) stream->Send(Numbered(step, 1 << 20));
  const auto accepted = acceptor_.Await();
  acceptor_.end.AwaitSteps(3);
  EXPECT_EQ(acceptor_.end.steps, (std::vector<uint64_t>{0, 1, 2}));
  EXPECT_EQ(acceptor_.end.payload_bytes, size_t{3} << 20);
  accepted->Send(Numbered(9, 100));
  client_.AwaitSteps(1);
  EXPECT_EQ(client_.payload_bytes, 100);
  stream->Close(absl::OkStatus());
  client_.AwaitClosed();
  acceptor_.end.AwaitClosed();
}

TEST_F(FrameStreamTest, ReadingStopsUntilFramesAreConsumed) {
  const auto stream = Open();
  const int sent = 2 * FrameStream::kMaxUnconsumed;
  for (int step = 0; step < sent; ++step) stream->Send(Numbered(step));
  const auto accepted = acceptor_.Await();
  acceptor_.end.AwaitSteps(FrameStream::kMaxUnconsumed);
  EXPECT_EQ(acceptor_.end.steps.size(), FrameStream::kMaxUnconsumed);
  for (int step = 0; step < sent; ++step) accepted->Consumed();
  acceptor_.end.AwaitSteps(sent);
  EXPECT_EQ(acceptor_.end.steps.size(), sent);
  stream->Close(absl::OkStatus());
  client_.AwaitClosed();
  acceptor_.end.AwaitClosed();
}

TEST_F(FrameStreamTest, LowerPriorityNumbersOvertake) {
  const auto stream = Open();
  // The first two fill gRPC's hands while the rest queue: the other end does not read past its limit.
  for (int i = 0; i < 200; ++i) stream->Send(Numbered(100, 1 << 20), 5);
  stream->Send(Numbered(1), 1);
  const auto accepted = acceptor_.Await();
  acceptor_.end.AwaitSteps(FrameStream::kMaxUnconsumed);
  for (int i = 0; i < 201; ++i) accepted->Consumed();
  acceptor_.end.AwaitSteps(201);
  const std::vector<uint64_t>& steps = acceptor_.end.steps;
  const auto urgent = std::find(steps.begin(), steps.end(), 1) - steps.begin();
  EXPECT_LT(urgent, 100);
  stream->Close(absl::OkStatus());
  client_.AwaitClosed();
  acceptor_.end.AwaitClosed();
}

TEST_F(FrameStreamTest, TheAcceptingEndsStatusReachesTheOther) {
  const auto stream = Open();
  stream->Send(Numbered(1));
  const auto accepted = acceptor_.Await();
  acceptor_.end.AwaitSteps(1);
  accepted->Close(absl::FailedPreconditionError("term 3 is over"));
  client_.AwaitClosed();
  EXPECT_EQ(client_.status, absl::FailedPreconditionError("term 3 is over"));
  acceptor_.end.AwaitClosed();
  stream->Send(Numbered(2));  // dropped
}

TEST_F(FrameStreamTest, CallsWithoutTheTokenAreRefused) {
  const auto stream = Open("4567");
  client_.AwaitClosed();
  EXPECT_EQ(client_.status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(acceptor_.stream, nullptr);
}

TEST_F(FrameStreamTest, BytesThatAreNoFrameCloseTheStream) {
  const auto stream = Open();
  Frame foreign;
  foreign.header.mutable_pull();
  foreign.payload = Payload::Copy(AsBytes(std::string(kMaxMessageBytes, 'x')));  // over the limit with its header
  stream->Send(std::move(foreign));
  client_.AwaitClosed();
  EXPECT_FALSE(client_.status.ok());
}

TEST(RpcServerTest, RefusesToListenBeyondLoopback) {
  const auto server = RpcServer::Start({.listen = "0.0.0.0:0", .token = kToken});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(IsLoopback("127.1.2.3:80"));
  EXPECT_TRUE(IsLoopback("localhost:80"));
  EXPECT_FALSE(IsLoopback("128.0.0.1:80"));
  EXPECT_FALSE(IsLoopback("localhost.example.org:80"));
}

TEST(RpcServerTest, SaysThatThePortIsTaken) {
  const auto first = RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken});
  ASSERT_TRUE(first.ok());
  const auto second = RpcServer::Start({.listen = (*first)->endpoint(), .token = kToken});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace banyan
