#ifndef BANYAN_COORDINATOR_SERVICE_JOBS_SERVICE_H_
#define BANYAN_COORDINATOR_SERVICE_JOBS_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "common/file/file_system.h"
#include "coordinator/service/core.h"
#include "proto/client.grpc.pb.h"

namespace banyan::coordinator {

// What people and scripts ask. Each call is one decision; Watch reads on as things are written.
class JobsService final : public v1::Jobs::Service {
 public:
  // `core` and `files` must outlive the service. `version`: `version+commit`.
  JobsService(Core& core, FileSystem& files, std::string version)
      : core_(core), files_(files), version_(std::move(version)) {}

  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override;
  grpc::Status List(grpc::ServerContext* context, const v1::ListRequest* request, v1::ListResponse* response) override;
  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::JobDescription* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::JobUpdate>* writer) override;
  grpc::Status Stop(grpc::ServerContext* context, const v1::StopRequest* request, v1::StopResponse* response) override;
  grpc::Status Pause(grpc::ServerContext* context, const v1::PauseRequest* request,
                     v1::PauseResponse* response) override;
  grpc::Status Resume(grpc::ServerContext* context, const v1::ResumeRequest* request,
                      v1::ResumeResponse* response) override;
  grpc::Status Scale(grpc::ServerContext* context, const v1::ScaleRequest* request,
                     v1::ScaleResponse* response) override;
  grpc::Status Fork(grpc::ServerContext* context, const v1::ForkRequest* request, v1::ForkResponse* response) override;
  grpc::Status Cluster(grpc::ServerContext* context, const v1::ClusterRequest* request,
                       v1::ClusterResponse* response) override;

 private:
  void MakeFolder(const std::string& job);
  absl::Status ForkJob(const v1::ForkRequest& request, v1::ForkResponse* response);

  Core& core_;
  FileSystem& files_;
  const std::string version_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_JOBS_SERVICE_H_
