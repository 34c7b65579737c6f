#ifndef BANYAN_TESTS_SIMULATOR_SESSION_H_
#define BANYAN_TESTS_SIMULATOR_SESSION_H_

#include <functional>
#include <optional>

#include "coordinator/cluster/decider.h"
#include "tests/simulator/coordinator_host.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/life.h"
#include "tests/simulator/network.h"

namespace banyan::simulator {

// A process's session with the coordinator, as common/rpc/session_client keeps one: reports go out at every interval
// and when asked for, a broken stream is opened again.
class Session {
 public:
  struct Options {
    Place place = 0;
    LifeRef life;
    EventQueue* events = nullptr;
    Network* network = nullptr;
    Place coordinator_place = 0;
    std::function<CoordinatorHost*()> coordinator;  // null while there is none
    std::function<LifeRef()> coordinator_life;
  };
  struct Handlers {
    std::function<coordinator::Cluster::Heard(bool first)> make_report;
    std::function<void(const Command& command)> on_command;
  };

  Session(Options options, Handlers handlers);

  void ReportSoon();

 private:
  void Open();
  void Lost();
  void Report(bool first);
  void Beat(uint64_t stream);

  const Options options_;
  const Handlers handlers_;
  std::optional<Wire> wire_;
  CoordinatorHost* peer_ = nullptr;  // alive when a message arrives there
  std::shared_ptr<std::optional<coordinator::SessionId>> id_;
  uint64_t streams_ = 0;
  bool soon_ = false;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SESSION_H_
