#include "common/rpc/session_client.h"

#include <algorithm>
#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "proto/cluster.grpc.pb.h"

namespace banyan {

SessionClient::SessionClient(Options options, Handlers handlers)
    : options_(std::move(options)),
      handlers_(std::move(handlers)),
      channel_(Connect(options_.coordinator)),
      interval_(options_.report_interval),
      thread_([this] { Run(); }) {}

void SessionClient::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void SessionClient::ReportNow() {
  MutexLock lock(mutex_);
  report_wanted_ = true;
  changed_.SignalAll();
}

void SessionClient::Run() {
  while (true) {
    const absl::Status status = RunStream();
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
    }
    handlers_.on_lost(status);
    MutexLock lock(mutex_);
    if (!stopping_) changed_.WaitFor(mutex_, options_.retry);
    if (stopping_) return;
  }
}

absl::Status SessionClient::RunStream() {
  const std::unique_ptr<grpc::ClientContext> context = MakeContext(options_.token);
  {
    MutexLock lock(mutex_);
    if (stopping_) return absl::CancelledError("the session is closed");
    context_ = context.get();
    stream_over_ = false;
    report_wanted_ = false;
  }
  const auto stub = v1::Coordinator::NewStub(channel_);
  const auto stream = stub->Session(context.get());
  {
    std::jthread reader([&] {
      v1::Command command;
      while (stream->Read(&command)) {
        TakeInterval(command);
        handlers_.on_command(command);
      }
      MutexLock lock(mutex_);
      stream_over_ = true;
      changed_.SignalAll();
    });
    bool first = true;
    std::chrono::steady_clock::time_point last_report;
    do {
      last_report = std::chrono::steady_clock::now();
      if (!stream->Write(handlers_.make_report(first))) break;
      first = false;
    } while (WaitForReport(last_report));
    stream->WritesDone();
    MutexLock lock(mutex_);
    if (stopping_) context->TryCancel();
  }
  const absl::Status status = FromGrpc(stream->Finish());
  MutexLock lock(mutex_);
  context_ = nullptr;
  return status;
}

void SessionClient::TakeInterval(const v1::Command& command) {
  const absl::Duration interval = absl::Seconds(command.report_interval_seconds());
  MutexLock lock(mutex_);
  // Absent, or nonsense: as before.
  if (interval < absl::Milliseconds(1) || interval > absl::Minutes(1) || interval == interval_) return;
  interval_ = interval;
  changed_.SignalAll();
}

bool SessionClient::WaitForReport(std::chrono::steady_clock::time_point last_report) {
  MutexLock lock(mutex_);
  const auto over = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stream_over_ || stopping_; };
  while (!over()) {
    const absl::Duration since = absl::FromChrono(std::chrono::steady_clock::now() - last_report);
    const absl::Duration interval =
        report_wanted_ ? std::min(options_.least_interval, interval_) : interval_;
    const absl::Duration wait = interval - since;
    if (wait <= absl::ZeroDuration()) break;
    changed_.WaitFor(mutex_, wait);
  }
  report_wanted_ = false;
  return !over();
}

}  // namespace banyan
