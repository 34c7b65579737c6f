#include "cli/client/grpc_jobs_client.h"

#include "common/rpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/client.grpc.pb.h"

namespace banyan::cli {
namespace {

class OneJob final : public v1::Jobs::Service {
 public:
  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request, v1::SubmitResponse* response) override {
    if (request->job().name() != "linear") return grpc::Status(grpc::INVALID_ARGUMENT, "job: no such model");
    response->set_id("j1");
    return grpc::Status::OK;
  }

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::JobUpdate>* writer) override {
    for (uint64_t step = request->after_step() + 1; step <= 3; ++step) {
      v1::JobUpdate update;
      update.mutable_line()->set_step(step);
      writer->Write(update);
    }
    while (!request->once() && !context->IsCancelled()) {
      v1::JobUpdate update;
      writer->Write(update);
    }
    return grpc::Status::OK;
  }
};

class GrpcJobsClientTest : public testing::Test {
 protected:
  OneJob service_;
  std::unique_ptr<RpcServer> server_ =
      RpcServer::Start({.listen = "127.0.0.1:0", .token = "t", .services = {&service_}}).value();
  std::unique_ptr<JobsClient> client_ = ConnectToJobs(server_->endpoint(), "t");
};

TEST_F(GrpcJobsClientTest, ReturnsTheAnswer) {
  v1::SubmitRequest request;
  request.mutable_job()->set_name("linear");
  EXPECT_EQ(client_->Submit(request).value(), "j1");
}

TEST_F(GrpcJobsClientTest, PassesOnWhatTheCoordinatorSays) {
  const absl::Status status = client_->Submit(v1::SubmitRequest()).status();
  EXPECT_EQ(status, absl::InvalidArgumentError("job: no such model"));
}

TEST_F(GrpcJobsClientTest, ReadsAStreamToItsEnd) {
  v1::WatchRequest request;
  request.set_after_step(1);
  request.set_once(true);
  const auto stream = client_->Watch(request);
  v1::JobUpdate update;
  ASSERT_TRUE(stream->Read(&update));
  EXPECT_EQ(update.line().step(), 2);
  ASSERT_TRUE(stream->Read(&update));
  EXPECT_FALSE(stream->Read(&update));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcJobsClientTest, ACancelledStreamEnds) {
  const auto stream = client_->Watch(v1::WatchRequest());
  v1::JobUpdate update;
  ASSERT_TRUE(stream->Read(&update));
  stream->Cancel();
  while (stream->Read(&update)) {
  }
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kCancelled);
}

TEST_F(GrpcJobsClientTest, AWrongTokenIsRefused) {
  const absl::Status status = ConnectToJobs(server_->endpoint(), "x")->List().status();
  EXPECT_TRUE(absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)) << status;
}

TEST_F(GrpcJobsClientTest, NobodyThereNamesTheCoordinator) {
  const std::string endpoint = server_->endpoint();
  server_->Shutdown(absl::ZeroDuration());
  const absl::Status status = ConnectToJobs(endpoint, "t", absl::Seconds(10), absl::ZeroDuration())->List().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("coordinator at " + endpoint));
}

}  // namespace
}  // namespace banyan::cli
