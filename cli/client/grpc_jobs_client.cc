#include "cli/client/grpc_jobs_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "proto/client.grpc.pb.h"

namespace banyan::cli {
namespace {

absl::Status Named(const grpc::Status& status, const std::string& endpoint) {
  if (status.ok()) return absl::OkStatus();
  const absl::Status plain = FromGrpc(status);
  // Only of the connection itself: what the coordinator answers speaks for itself.
  if (!absl::IsUnavailable(plain) && !absl::IsDeadlineExceeded(plain)) return plain;
  return Annotate(plain, absl::StrCat("coordinator at ", endpoint));
}

class GrpcUpdateStream final : public UpdateStream {
 public:
  GrpcUpdateStream(v1::Jobs::Stub& stub, std::unique_ptr<grpc::ClientContext> context, const v1::WatchRequest& request,
                   std::string endpoint)
      : context_(std::move(context)), reader_(stub.Watch(context_.get(), request)), endpoint_(std::move(endpoint)) {}

  bool Read(v1::JobUpdate* update) override { return reader_->Read(update); }
  void Cancel() override { context_->TryCancel(); }
  absl::Status Finish() override { return Named(reader_->Finish(), endpoint_); }

 private:
  const std::unique_ptr<grpc::ClientContext> context_;
  const std::unique_ptr<grpc::ClientReader<v1::JobUpdate>> reader_;
  const std::string endpoint_;
};

class GrpcJobsClient final : public JobsClient {
 public:
  GrpcJobsClient(const std::string& endpoint, const std::string& token, absl::Duration deadline,
                 absl::Duration patience)
      : endpoint_(endpoint), token_(token), deadline_(deadline) {
    const std::shared_ptr<grpc::Channel> channel = Connect(endpoint);
    // Where nobody comes, the first call says so.
    channel->WaitForConnected(absl::ToChronoTime(absl::Now() + patience));
    stub_ = v1::Jobs::NewStub(channel);
  }

  absl::StatusOr<std::string> Submit(const v1::SubmitRequest& request) override {
    v1::SubmitResponse response;
    RETURN_IF_ERROR(Call(&v1::Jobs::Stub::Submit, request, &response));
    return response.id();
  }

  absl::StatusOr<v1::ListResponse> List() override {
    return Get<v1::ListResponse>(&v1::Jobs::Stub::List, v1::ListRequest());
  }

  absl::StatusOr<v1::JobDescription> Describe(const std::string& job) override {
    v1::DescribeRequest request;
    request.set_job(job);
    return Get<v1::JobDescription>(&v1::Jobs::Stub::Describe, request);
  }

  std::unique_ptr<UpdateStream> Watch(const v1::WatchRequest& request) override {
    return std::make_unique<GrpcUpdateStream>(*stub_, MakeContext(token_), request, endpoint_);
  }

  absl::Status Stop(const v1::StopRequest& request) override {
    v1::StopResponse response;
    return Call(&v1::Jobs::Stub::Stop, request, &response);
  }

  absl::Status Pause(const v1::PauseRequest& request) override {
    v1::PauseResponse response;
    return Call(&v1::Jobs::Stub::Pause, request, &response);
  }

  absl::Status Resume(const v1::ResumeRequest& request) override {
    v1::ResumeResponse response;
    return Call(&v1::Jobs::Stub::Resume, request, &response);
  }

  absl::Status Scale(const v1::ScaleRequest& request) override {
    v1::ScaleResponse response;
    return Call(&v1::Jobs::Stub::Scale, request, &response);
  }

  absl::StatusOr<v1::ForkResponse> Fork(const v1::ForkRequest& request) override {
    return Get<v1::ForkResponse>(&v1::Jobs::Stub::Fork, request);
  }

  absl::StatusOr<v1::ClusterResponse> Cluster() override {
    return Get<v1::ClusterResponse>(&v1::Jobs::Stub::Cluster, v1::ClusterRequest());
  }

 private:
  template <typename Request, typename Response>
  using Method = grpc::Status (v1::Jobs::Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <typename Request, typename Response>
  absl::Status Call(Method<Request, Response> method, const Request& request, Response* response) {
    const auto context = MakeContext(token_);
    context->set_deadline(absl::ToChronoTime(absl::Now() + deadline_));
    return Named((*stub_.*method)(context.get(), request, response), endpoint_);
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Get(Method<Request, Response> method, const Request& request) {
    Response response;
    RETURN_IF_ERROR(Call(method, request, &response));
    return response;
  }

  const std::string endpoint_;
  const std::string token_;
  const absl::Duration deadline_;
  std::unique_ptr<v1::Jobs::Stub> stub_;
};

}  // namespace

std::unique_ptr<JobsClient> ConnectToJobs(const std::string& endpoint, const std::string& token,
                                          absl::Duration deadline, absl::Duration patience) {
  return std::make_unique<GrpcJobsClient>(endpoint, token, deadline, patience);
}

}  // namespace banyan::cli
