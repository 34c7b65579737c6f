// Against a server of the test's own, over loopback gRPC.
#include "worker/client/exchange_client.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/rpc/channel.h"
#include "common/rpc/connector.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/frame_stream.h"
#include "common/rpc/server.h"
#include "gtest/gtest.h"
#include "proto/parameter_server.grpc.pb.h"

namespace banyan::worker {
namespace {

constexpr char kToken[] = "0123";
constexpr StreamId kStream{7};

// Keeps what it is sent; the newest stream is `stream`.
class FakeServer final : public v1::ParameterServer::WithRawCallbackMethod_Exchange<v1::ParameterServer::Service> {
 public:
  FakeServer() { rpc_ = *RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {this}}); }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Exchange(grpc::CallbackServerContext* context) override {
    MutexLock lock(mutex);
    const auto found = context->client_metadata().find(kJobMetadata);
    if (found != context->client_metadata().end()) job.assign(found->second.data(), found->second.size());
    const AcceptedFrameStream accepted = AcceptFrameStream({.on_frame =
                                                                [this](Frame frame) {
                                                                  MutexLock inner(mutex);
                                                                  received.push_back(*DecodeToServer(std::move(frame)));
                                                                  changed.SignalAll();
                                                                },
                                                            .on_closed =
                                                                [this](const absl::Status&) {
                                                                  MutexLock inner(mutex);
                                                                  ended = true;
                                                                  changed.SignalAll();
                                                                }});
    stream = accepted.stream;
    return accepted.reactor;
  }

  void Await(size_t messages) {
    MutexLock lock(mutex);
    while (received.size() < messages) changed.Wait(mutex);
  }

  Mutex mutex;
  CondVar changed;
  std::string job;
  std::vector<ToServer> received;
  bool ended = false;
  std::shared_ptr<FrameStream> stream;
  std::string endpoint() const { return rpc_->endpoint(); }
  void Stop() { rpc_->Shutdown(absl::ZeroDuration()); }

 private:
  std::unique_ptr<RpcServer> rpc_;
};

class ExchangeClientTest : public testing::Test {
 protected:
  ExchangeClientTest() {
    client_ = std::make_unique<ExchangeClient>(
        ExchangeClient::Options{.job = "j1", .leaves = 4}, connector_,
        ExchangeClient::Handlers{.on_message =
                                     [this](StreamId stream, absl::StatusOr<ToWorker> message) {
                                       EXPECT_EQ(stream, kStream);
                                       MutexLock lock(mutex_);
                                       messages_.push_back(std::move(message));
                                       changed_.SignalAll();
                                     },
                                 .on_written =
                                     [this](StreamId, bool) {
                                       MutexLock lock(mutex_);
                                       ++written_;
                                       changed_.SignalAll();
                                     },
                                 .on_closed =
                                     [this](StreamId, const absl::Status& status) {
                                       MutexLock lock(mutex_);
                                       closed_ = status;
                                       changed_.SignalAll();
                                     }});
  }

  void Open() {
    client_->Open({.stream = kStream, .endpoint = server_.endpoint(), .hello = {.term = 3, .worker = WorkerId(9)}});
    server_.Await(1);
  }

  template <typename Condition>
  void Await(const Condition& condition) {
    MutexLock lock(mutex_);
    while (!condition()) changed_.Wait(mutex_);
  }

  static Push PushOf(const std::vector<float>& values) {
    return {.term = 3, .step = 1, .chunk = ChunkId(2), .weight = 1,
            .data = Payload::Borrow(std::as_bytes(std::span(values)))};
  }

  FakeServer server_;
  Connector connector_{kToken};
  Mutex mutex_;
  CondVar changed_;
  std::vector<absl::StatusOr<ToWorker>> messages_;
  int written_ = 0;
  std::optional<absl::Status> closed_;
  std::unique_ptr<ExchangeClient> client_;
};

TEST_F(ExchangeClientTest, BeginsWithHelloAndSendsWhatItIsGiven) {
  Open();
  const std::vector<float> values(1000, 0.5f);
  client_->Send(kStream, PushOf(values), 1);
  server_.Await(2);
  Await([&] { return written_ == 1; });  // nobody is told of Hello

  EXPECT_EQ(server_.job, "j1");
  EXPECT_EQ(std::get<Hello>(server_.received[0]).worker, WorkerId(9));
  const Push& push = std::get<Push>(server_.received[1]);
  EXPECT_EQ(push.chunk, ChunkId(2));
  std::vector<float> came(1000);
  push.data.CopyTo(std::as_writable_bytes(std::span(came)));
  EXPECT_EQ(came, values);
}

TEST_F(ExchangeClientTest, TakesNoMoreThanFourMessagesThatAreNotConsumed) {
  Open();
  for (Step step = 1; step <= 6; ++step) server_.stream->Send(EncodeToWorker(banyan::Weights{.term = 3, .step = step}));

  Await([&] { return messages_.size() == 4; });
  for (size_t consumed = 1; consumed <= 2; ++consumed) {
    {
      MutexLock lock(mutex_);
      EXPECT_EQ(messages_.size(), 3 + consumed);
    }
    client_->Consumed(kStream);
    Await([&] { return messages_.size() == 4 + consumed; });
  }

  for (Step step = 1; step <= 6; ++step) {
    ASSERT_TRUE(messages_[step - 1].ok());
    EXPECT_EQ(std::get<banyan::Weights>(*messages_[step - 1]).step, step);
  }
}

TEST_F(ExchangeClientTest, HandsOverTheErrorOfAMessageThatIsNone) {
  Open();
  Frame frame = EncodeToWorker(banyan::Weights{.term = 3, .data = Payload::Copy(std::vector<std::byte>(64))});
  frame.header.mutable_weights()->mutable_tensor()->set_checksum(1);
  server_.stream->Send(std::move(frame));

  Await([&] { return !messages_.empty(); });

  EXPECT_EQ(messages_[0].status().code(), absl::StatusCode::kDataLoss) << messages_[0].status();
}

TEST_F(ExchangeClientTest, TellsWhyAStreamEnded) {
  Open();

  server_.stream->Close(absl::FailedPreconditionError("the job is at term 4 here"));
  Await([&] { return closed_.has_value(); });

  EXPECT_EQ(closed_->code(), absl::StatusCode::kFailedPrecondition) << *closed_;
  client_->Forget(kStream);
  client_->Send(kStream, Pull{.term = 3}, 0);  // of a stream that is gone: nothing
}

TEST_F(ExchangeClientTest, EndsItsStreamsWithItself) {
  Open();

  client_.reset();

  EXPECT_TRUE(closed_.has_value());
  MutexLock lock(server_.mutex);
  while (!server_.ended) server_.changed.Wait(server_.mutex);
}

}  // namespace
}  // namespace banyan::worker
