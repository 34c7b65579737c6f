#ifndef BANYAN_COMMON_RPC_SESSION_CLIENT_H_
#define BANYAN_COMMON_RPC_SESSION_CLIENT_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/sync.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "proto/cluster.pb.h"

namespace banyan {

// A process's session with the coordinator: reports go out at least every interval and whenever asked for, commands
// come in, and a broken stream is opened again for as long as the object lives. Thread-safe.
class SessionClient {
 public:
  struct Options {
    std::string coordinator;  // host:port
    std::string token;
    // Until the coordinator says another.
    absl::Duration report_interval = absl::Milliseconds(200);
    // ReportNow is put off until so long after the last report: shards finish steps by the hundred a second, and the
    // coordinator needs to hear of them together.
    absl::Duration least_interval = absl::Milliseconds(50);
    // Between two attempts to reach the coordinator.
    absl::Duration retry = absl::Milliseconds(200);
  };

  struct Handlers {
    // Makes the next report. `first` is true for the first of a stream: then everything that the coordinator may not
    // have heard is reported again. Called on the session's thread.
    std::function<v1::Report(bool first)> make_report;
    // Called on a thread of the session's own, one at a time, in order.
    std::function<void(const v1::Command& command)> on_command;
    // The stream broke or could not be opened; the session goes on trying. Called on the session's thread.
    std::function<void(const absl::Status& status)> on_lost;
  };

  SessionClient(Options options, Handlers handlers);

  // Stops it.
  ~SessionClient() { Stop(); }

  SessionClient(const SessionClient&) = delete;
  SessionClient& operator=(const SessionClient&) = delete;

  // Sends a report soon; several calls may become one report. Nothing after Stop.
  void ReportNow();

  // Ends the stream and joins the threads: no handler runs afterwards. Not from a handler; again it does nothing.
  void Stop();

 private:
  void Run();
  absl::Status RunStream();
  void TakeInterval(const v1::Command& command);
  // Waits for ReportNow, the interval or the stream's end; false when the stream is over.
  bool WaitForReport(std::chrono::steady_clock::time_point last_report);

  const Options options_;
  const Handlers handlers_;
  const std::shared_ptr<grpc::Channel> channel_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool report_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stream_over_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration interval_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_SESSION_CLIENT_H_
