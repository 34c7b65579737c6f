#ifndef BANYAN_TESTS_SIMULATOR_COORDINATOR_HOST_H_
#define BANYAN_TESTS_SIMULATOR_COORDINATOR_HOST_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/file/file_system.h"
#include "coordinator/cluster/decider.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/life.h"
#include "tests/simulator/message_kind.h"
#include "tests/simulator/simulated_store.h"

namespace banyan::simulator {

// What a process is told: what was decided, and with each job what the session's codec adds to it.
struct Command {
  struct Job {
    uint32_t life = 0;
    bool replays = false;  // it works at its parent's steps
    double audit = 0;

    friend bool operator==(const Job&, const Job&) = default;
  };
  coordinator::Decider::Command decided;
  std::map<std::string, Job> jobs;  // by id

  friend bool operator==(const Command&, const Command&) = default;
};

// One life of the coordinator in simulated time: the real decider, as coordinator/service/core runs it. What comes in
// together is decided together, made durable, and only then told.
class CoordinatorHost {
 public:
  enum class CrashPoint { kNone, kBeforeCommit, kAfterCommit };

  struct Options {
    SimulatedStore* store = nullptr;
    FileSystem* files = nullptr;
    EventQueue* events = nullptr;
    LifeRef life;
    std::string jobs_directory;
    coordinator::Members::Leases leases;
    absl::Duration stall_limit;
    absl::Duration disk_time;
    std::function<void()> on_crash;  // at a crash point
    std::function<void(const coordinator::Cluster& cluster)> on_decided;  // what is durable and about to be told
  };
  using Send = std::function<void(MessageKind kind, const Command& command)>;
  using Question = std::function<void(coordinator::Decider& decider, coordinator::Decider::Now now)>;
  using Close = std::function<void()>;

  explicit CoordinatorHost(Options options);

  // A session's first report has come: `send` and `close` reach its process.
  coordinator::SessionId Accept(Send send, Close close);
  void OnReport(coordinator::SessionId session, coordinator::Cluster::Heard heard);
  void OnClosed(coordinator::SessionId session);
  // What people ask: decided and made durable like everything else; then they have their answer.
  void Ask(Question question, std::function<void()> answered);

  // The next time that it has written something it dies, just before or just after that is durable.
  void CrashAt(CrashPoint point) { crash_at_ = point; }

 private:
  struct Session {
    Send send;
    Close close;
    Command told;
  };

  coordinator::Decider::Now Now() const {
    return {.monotonic = options_.life->Monotonic(), .wall = options_.life->Wall()};
  }
  void Post(std::function<void()> task);
  void Wake();
  void Run();
  void Tick();
  bool CrashesHere(CrashPoint point);
  Command CommandFor(coordinator::SessionId session) const;
  void SendCommands();
  void PostToDisk(std::function<void()> task);
  void Publish(const coordinator::JobRecord& record, coordinator::JobEffects::PublishRequest request);

  const Options options_;
  std::unique_ptr<coordinator::Decider> decider_;
  std::vector<std::function<void()>> tasks_;
  std::vector<std::function<void()>> answers_;  // of tasks that have run
  bool awake_ = false;
  bool tick_due_ = true;
  absl::Time disk_free_;
  uint64_t next_session_ = 1;
  std::map<coordinator::SessionId, Session> sessions_;
  CrashPoint crash_at_ = CrashPoint::kNone;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_COORDINATOR_HOST_H_
