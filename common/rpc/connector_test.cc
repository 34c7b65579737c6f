#include "common/rpc/connector.h"

#include <memory>
#include <string>
#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "gtest/gtest.h"
#include "proto/parameter_server.grpc.pb.h"

namespace banyan {
namespace {

constexpr char kMethod[] = "/banyan.v1.ParameterServer/Exchange";
constexpr char kToken[] = "0123";

// Accepts streams and keeps the job of the last one.
class Acceptor final : public v1::ParameterServer::WithRawCallbackMethod_Exchange<v1::ParameterServer::Service> {
 public:
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Exchange(grpc::CallbackServerContext* context) override {
    MutexLock lock(mutex_);
    const auto found = context->client_metadata().find(kJobMetadata);
    if (found != context->client_metadata().end()) job_.assign(found->second.data(), found->second.size());
    const AcceptedFrameStream accepted =
        AcceptFrameStream({.on_frame = [](const Frame&) {}, .on_closed = [](const absl::Status&) {}});
    ++accepted_;
    changed_.SignalAll();
    return accepted.reactor;
  }

  // The job of the last stream, once there were `streams`.
  std::string Await(int streams) {
    MutexLock lock(mutex_);
    while (accepted_ < streams) changed_.Wait(mutex_);
    return job_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int accepted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string job_ ABSL_GUARDED_BY(mutex_);
};

class ConnectorTest : public testing::Test {
 protected:
  std::unique_ptr<RpcServer> StartServer() {
    return *RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {&acceptor_}});
  }

  std::shared_ptr<FrameStream> Open(Connector& connector, const std::string& endpoint) {
    const std::shared_ptr<FrameStream> stream =
        connector.Open(endpoint, kMethod, "j1",
                       {.on_frame = [](const Frame&) {},
                        .on_closed =
                            [this](const absl::Status&) {
                              MutexLock lock(mutex_);
                              ++closed_;
                              changed_.SignalAll();
                            }});
    Frame hello;
    hello.header.mutable_pull()->set_step(1);
    stream->Send(std::move(hello));
    return stream;
  }

  void AwaitClosed(int streams) {
    MutexLock lock(mutex_);
    while (closed_ < streams) changed_.Wait(mutex_);
  }

  int closed() {
    MutexLock lock(mutex_);
    return closed_;
  }

  Acceptor acceptor_;
  Mutex mutex_;
  CondVar changed_;
  int closed_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(ConnectorTest, AStreamCarriesTokenAndJob) {
  const auto server = StartServer();
  Connector connector(kToken);
  const auto stream = Open(connector, server->endpoint());
  EXPECT_EQ(acceptor_.Await(1), "j1");
  stream->Close(absl::OkStatus());
  AwaitClosed(1);
}

TEST_F(ConnectorTest, ItsEndIsTheEndOfItsStreams) {
  const auto server = StartServer();
  {
    Connector connector(kToken);
    Open(connector, server->endpoint());
    Open(connector, server->endpoint());
    acceptor_.Await(2);
    EXPECT_EQ(closed(), 0);
  }
  EXPECT_EQ(closed(), 2);
}

TEST_F(ConnectorTest, TheLastConnectionOfAProcessMayGo) {
  Connector connector(kToken);
  for (int life = 1; life <= 60; ++life) {
    auto server = StartServer();
    Open(connector, server->endpoint());
    acceptor_.Await(life);
    // With the server the process's other share in gRPC's threads goes; the stream ends on one of them.
    server.reset();
    AwaitClosed(life);
  }
}

TEST_F(ConnectorTest, NobodyListens) {
  Connector connector(kToken);
  Open(connector, "127.0.0.1:1");
  AwaitClosed(1);
}

}  // namespace
}  // namespace banyan
