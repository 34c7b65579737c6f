// Bytes that nobody of the cluster would send, on every port that it listens on, while real processes train: whoever
// sends them is refused, and nobody else notices. The answer stays, to the last bit of every line.

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/rpc/frame.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/cluster.grpc.pb.h"
#include "proto/parameter_server.grpc.pb.h"
#include "tests/support/hand_cluster.h"
#include "tests/support/known_jobs.h"
#include "tests/support/local_cluster.h"
#include "tests/support/loopback.h"

namespace banyan::testing {
namespace {

using grpc::StatusCode;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr uint32_t kSeed = 20261202;
constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps}
  checkpoint: {every: 50 steps}
)";
constexpr const char* kListening[] = {"server-0", "coordinator"};

// As far as HTTP/2 is spoken: not at all, the client's preface, and that with its settings, of which these are none.
std::vector<std::string> Beginnings() {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  return {"", preface, preface + std::string("\0\0\0\4\0\0\0\0\0", 9)};
}

// What whoever listens answers to these bytes, up to the end of the connection, which must come.
std::string Say(const std::string& endpoint, const std::string& bytes) {
  const int connection = ConnectToLoopback(PortOf(endpoint));
  EXPECT_GE(connection, 0) << endpoint;
  if (connection < 0) return "";
  const timeval patience = {.tv_sec = 20, .tv_usec = 0};
  EXPECT_EQ(setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  // The other end may have hung up before it has all of it.
  send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(connection, SHUT_WR);
  std::string answer;
  std::array<char, 4096> part;
  ssize_t size = 0;
  while ((size = recv(connection, part.data(), part.size(), 0)) > 0) {
    answer.append(part.data(), static_cast<size_t>(size));
  }
  EXPECT_FALSE(size < 0 && errno == EAGAIN) << endpoint << " keeps the connection";
  close(connection);
  return answer;
}

// How a stream ends on which this is said.
template <typename Answer, typename Stream, typename Message>
grpc::Status EndOf(Stream stream, const Message& message) {
  stream->Write(message);
  for (Answer answer; stream->Read(&answer);) {
  }
  return stream->Finish();
}

class HostileBytesTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<HandCluster>(MakeFolder("hostile-bytes"));
    jobs_ = std::make_unique<KnownJobs>(*cluster_, /*steps=*/400, kRun, kSeed);
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) cluster_->Start(name);
    token_ = ReadFile(cluster_->folder() + "/token");
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
  }

  static std::string Garbage() {
    std::string bytes(std::uniform_int_distribution<size_t>(1, 20'000)(random_), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  // On the ports of gRPC, and on those of the pages for Prometheus.
  static void SayGarbage() {
    for (int i = 0; i < 3; ++i) {
      for (const char* name : kListening) {
        for (const std::string& endpoint : {cluster_->Endpoint(name), cluster_->MetricsEndpoint(name)}) {
          for (const std::string& begin : Beginnings()) Say(endpoint, begin + Garbage());
        }
      }
    }
  }

  static std::unique_ptr<grpc::ClientContext> Context(const std::string& token) {
    auto context = token.empty() ? std::make_unique<grpc::ClientContext>() : MakeContext(token);
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return context;
  }
  // How a worker's stream ends that begins with this.
  static grpc::Status Exchange(const std::string& token, const std::string& job, const v1::Frame& first) {
    const auto stub = v1::ParameterServer::NewStub(Connect(cluster_->Endpoint("server-0")));
    const auto context = Context(token);
    context->AddMetadata(kJobMetadata, job);
    return EndOf<v1::Frame>(stub->Exchange(context.get()), first);
  }
  // How a session ends that begins with a report of nobody.
  static grpc::Status Session(const std::string& token) {
    const auto stub = v1::Coordinator::NewStub(Connect(cluster_->Endpoint("coordinator")));
    const auto context = Context(token);
    return EndOf<v1::Command>(stub->Session(context.get()), v1::Report());
  }

  // Whoever has no token, or another cluster's.
  static void ExpectStrangersToBeRefused(const std::string& job) {
    for (const char* name : kListening) {
      EXPECT_THAT(Say(cluster_->MetricsEndpoint(name), "GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr(" 401 ")) << name;
    }
    for (const std::string& token : {std::string(), std::string(64, 'b')}) {
      EXPECT_EQ(Exchange(token, job, {}).error_code(), StatusCode::UNAUTHENTICATED);
      EXPECT_EQ(Session(token).error_code(), StatusCode::UNAUTHENTICATED);
    }
  }

  // Whoever has it, and says what no worker says first.
  static void ExpectNonsenseToBeRefused(const std::string& job) {
    // Two without a header.
    std::vector<std::pair<v1::Frame, StatusCode>> rows(2, {{}, StatusCode::INVALID_ARGUMENT});
    rows.back().first.set_payload(Garbage());
    const auto add = [&](StatusCode code) -> v1::FrameHeader& {
      v1::FrameHeader& header = *rows.emplace_back(v1::Frame(), code).first.mutable_header();
      header.set_protocol(kProtocolVersion);
      return header;
    };
    add(StatusCode::INVALID_ARGUMENT);
    add(StatusCode::FAILED_PRECONDITION).set_protocol(kProtocolVersion + 1);
    add(StatusCode::INVALID_ARGUMENT).mutable_push()->mutable_node()->set_index(1'000'000);
    add(StatusCode::INVALID_ARGUMENT).mutable_pull()->set_step(1);
    add(StatusCode::INVALID_ARGUMENT).mutable_hello()->set_shard(1'000);
    for (const auto& [frame, code] : rows) {
      const grpc::Status end = Exchange(token_, job, frame);
      EXPECT_EQ(end.error_code(), code) << frame.header().ShortDebugString() << "\n" << end.error_message();
      EXPECT_NE(end.error_message(), "") << frame.header().ShortDebugString();
    }
    EXPECT_EQ(Exchange(token_, "j1000", {}).error_code(), StatusCode::NOT_FOUND);
    const grpc::Status session = Session(token_);
    EXPECT_EQ(session.error_code(), StatusCode::INVALID_ARGUMENT) << session.error_message();
    EXPECT_NE(session.error_message(), "");
  }

  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
  static inline std::string token_;
  static inline std::mt19937 random_{kSeed};
};

TEST_P(HostileBytesTest, AreRefusedAndNobodyElseNotices) {
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  const KnownJobs::Job job = jobs_->Begin(GetParam(), 5, 20);
  SayGarbage();
  ExpectStrangersToBeRefused(job.id);
  ExpectNonsenseToBeRefused(job.id);
  // All of that while it trained.
  const CommandResult trains = cluster_->Banyan({"wait", job.id, "--for", "state=RUNNING", "--timeout", "60s"});
  EXPECT_EQ(trains.exit_code, 0) << trains.err;
  const Json result = jobs_->ExpectTheAnswer(job);
  EXPECT_EQ(result["counters"].value("rollbacks", 0), 0) << result["events"];
  EXPECT_THAT(EventTypes(result), Not(Contains(AnyOf("SERVER_LOST", "WORKER_LOST", "RECOVERING"))));
  // The pages are there for those who may read them.
  for (const char* name : kListening) cluster_->Metric(name, "");
}

INSTANTIATE_TEST_SUITE_P(Jobs, HostileBytesTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
