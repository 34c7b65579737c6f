#include "common/rpc/session_client.h"

#include <atomic>
#include <memory>
#include <semaphore>
#include <vector>

#include "common/base/sync.h"
#include "common/rpc/server.h"
#include "gtest/gtest.h"
#include "proto/cluster.grpc.pb.h"

namespace banyan {
namespace {

constexpr char kToken[] = "0123";

// Answers every report with a command that has its number, and ends the first stream after two.
class FakeCoordinator final : public v1::Coordinator::Service {
 public:
  grpc::Status Session(grpc::ServerContext*, grpc::ServerReaderWriter<v1::Command, v1::Report>* stream) override {
    bool first_stream = false;
    {
      MutexLock lock(mutex);
      first_stream = streams++ == 0;
    }
    v1::Report report;
    for (int reports = 0; stream->Read(&report); ++reports) {
      if (first_stream && reports == 2) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting");
      v1::Command command;
      command.set_coordinator_term(report.coordinator_term());
      if (!stream->Write(command)) break;
    }
    return grpc::Status::OK;
  }

  Mutex mutex;
  int streams = 0;
};

TEST(SessionClientTest, ReportsCommandsAndComesBackAfterABreak) {
  FakeCoordinator coordinator;
  const auto server = RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {&coordinator}});
  ASSERT_TRUE(server.ok()) << server.status();
  Mutex mutex;
  CondVar changed;
  uint64_t reports = 0;
  std::vector<uint64_t> firsts;
  std::vector<uint64_t> commands;
  absl::Status lost;
  {
    SessionClient session(
        {.coordinator = (*server)->endpoint(), .token = kToken, .report_interval = absl::Milliseconds(5)},
        {.make_report =
             [&](bool first) {
               MutexLock lock(mutex);
               if (first) firsts.push_back(reports);
               v1::Report report;
               report.set_coordinator_term(reports++);
               return report;
             },
         .on_command =
             [&](const v1::Command& command) {
               MutexLock lock(mutex);
               commands.push_back(command.coordinator_term());
               changed.SignalAll();
             },
         .on_lost =
             [&](const absl::Status& status) {
               MutexLock lock(mutex);
               lost = status;
             }});
    session.ReportNow();
    MutexLock lock(mutex);
    while (firsts.size() < 2 || commands.empty() || commands.back() < firsts[1]) changed.Wait(mutex);
  }
  EXPECT_EQ(firsts[0], 0);
  EXPECT_EQ(lost.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(std::is_sorted(commands.begin(), commands.end()));
}

TEST(SessionClientTest, NoHandlerRunsOnceItIsStopped) {
  FakeCoordinator coordinator;
  const auto server = RpcServer::Start({.listen = "127.0.0.1:0", .token = kToken, .services = {&coordinator}});
  ASSERT_TRUE(server.ok()) << server.status();
  auto held = std::make_shared<int>();  // as long as a report is being made
  std::atomic<bool> stopped = false;
  std::counting_semaphore<> made(0);
  SessionClient session({.coordinator = (*server)->endpoint(), .token = kToken, .report_interval = absl::Milliseconds(1)},
                        {.make_report =
                             [&](bool) {
                               const std::shared_ptr<int> mine = held;
                               EXPECT_FALSE(stopped);
                               made.release();
                               return v1::Report();
                             },
                         .on_command = [&](const v1::Command&) { EXPECT_FALSE(stopped); },
                         .on_lost = [&](const absl::Status&) { EXPECT_FALSE(stopped); }});
  for (int i = 0; i < 5; ++i) made.acquire();
  session.Stop();
  stopped = true;
  EXPECT_EQ(held.use_count(), 1);
  session.ReportNow();
  session.Stop();
}

}  // namespace
}  // namespace banyan
