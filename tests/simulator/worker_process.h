#ifndef BANYAN_TESTS_SIMULATOR_WORKER_PROCESS_H_
#define BANYAN_TESTS_SIMULATOR_WORKER_PROCESS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/simulator/server_process.h"
#include "tests/simulator/session.h"
#include "tests/simulator/worker_host.h"

namespace banyan::simulator {

// One life of a worker: its session, its one job, and its streams to servers. A life is one job: when that is over, or
// the coordinator has taken the worker out of it, the process ends (`on_exit`) and another one follows.
class WorkerProcess final : public WorkerNetwork {
 public:
  struct Options {
    std::string name;
    Place place = 0;
    Incarnation incarnation;
    WorkerHost::Options host;  // but for the machine's
    Network* network = nullptr;
    std::function<ServerProcess*(const std::string& endpoint)> find;
    std::function<void()> on_exit;
  };

  WorkerProcess(Options options, Session::Options session);

  const LifeRef& life() const { return options_.host.life; }
  const WorkerHost* host() const { return host_.get(); }
  // Asks to be taken out of its job, then leaves.
  void Drain();

 private:
  void Open(const worker::OpenStream& open) override;
  void Close(worker::StreamId stream) override;
  void Send(worker::StreamId stream, ToServer message) override;

  void OnCommand(const Command& command);
  coordinator::Cluster::Heard MakeReport(bool first);
  void MakeHost(WorkerId id);
  void Exit();
  void Tick();

  struct Stream {
    Wire wire;
    ServerProcess* server = nullptr;
  };

  const Options options_;
  uint64_t coordinator_term_ = 0;
  bool draining_ = false;
  bool exited_ = false;
  bool facts_wanted_ = false;
  bool indexed_ = false;
  std::string job_;  // empty: none yet
  Command::Job facts_;
  std::unique_ptr<WorkerHost> host_;
  std::map<worker::StreamId, Stream> streams_;
  std::unique_ptr<Session> session_;
  Term told_term_ = 0;
  bool told_ready_ = false;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_WORKER_PROCESS_H_
