#ifndef BANYAN_CLI_CLIENT_JOBS_CLIENT_H_
#define BANYAN_CLI_CLIENT_JOBS_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/client.pb.h"

namespace banyan::cli {

// What a coordinator tells about one job, as it happens.
class UpdateStream {
 public:
  virtual ~UpdateStream() = default;

  // Waits for the next update. False when there are no more; Finish() says why.
  virtual bool Read(v1::JobUpdate* update) = 0;
  // Makes a Read under way, and all later ones, return false. May be called from another thread.
  virtual void Cancel() = 0;
  // After Read has returned false. OK: the coordinator ended the stream; CANCELLED after Cancel.
  virtual absl::Status Finish() = 0;
};

// The service Jobs of proto/client.proto. Thread-safe. Every call has a deadline of its own; the messages of errors
// name the coordinator.
class JobsClient {
 public:
  virtual ~JobsClient() = default;

  virtual absl::StatusOr<std::string> Submit(const v1::SubmitRequest& request) = 0;
  virtual absl::StatusOr<v1::ListResponse> List() = 0;
  virtual absl::StatusOr<v1::JobDescription> Describe(const std::string& job) = 0;
  // Must not outlive the client.
  virtual std::unique_ptr<UpdateStream> Watch(const v1::WatchRequest& request) = 0;
  virtual absl::Status Stop(const v1::StopRequest& request) = 0;
  virtual absl::Status Pause(const v1::PauseRequest& request) = 0;
  virtual absl::Status Resume(const v1::ResumeRequest& request) = 0;
  virtual absl::Status Scale(const v1::ScaleRequest& request) = 0;
  virtual absl::StatusOr<v1::ForkResponse> Fork(const v1::ForkRequest& request) = 0;
  virtual absl::StatusOr<v1::ClusterResponse> Cluster() = 0;
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLIENT_JOBS_CLIENT_H_
