#ifndef BANYAN_TESTS_SIMULATOR_SERVER_PROCESS_H_
#define BANYAN_TESTS_SIMULATOR_SERVER_PROCESS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/simulator/process_disk.h"
#include "tests/simulator/server_host.h"
#include "tests/simulator/session.h"

namespace banyan::simulator {

// One life of a server: its session, the job when it has one, and the streams of workers and of other servers.
class ServerProcess {
 public:
  struct Options {
    std::string name;  // its endpoint, too
    Place place = 0;
    Incarnation incarnation;
    ServerHost::Options host;  // but for the server's id
    Network* network = nullptr;
    std::function<ServerProcess*(const std::string& endpoint)> find;
    // A worker has been given weights: who is the owner of which chunk.
    std::function<void(const Weights& weights)> on_weights;
  };

  ServerProcess(Options options, Session::Options session);

  const LifeRef& life() const { return options_.host.life; }
  Place place() const { return options_.place; }
  const ServerHost* host() const { return host_.get(); }

  // The far end of a worker's stream.
  void OnMessage(Wire wire, const ToServer& message, std::function<void(ToWorker)> reply);
  void OnClosed(Wire wire);

 private:
  void OnCommand(const coordinator::Decider::Command& command);
  coordinator::Cluster::Heard MakeReport(bool first);
  void MakeHost();
  void SendSum(ServerId to, const Sum& sum);
  void Tick();

  struct Stream {
    uint32_t shard = 0;
    std::function<void(ToWorker)> reply;
  };

  const Options options_;
  uint64_t coordinator_term_ = 0;
  ServerId id_;
  std::unique_ptr<ServerHost> host_;
  std::string job_;
  ChunkMap map_;
  std::map<Wire, Stream> streams_;
  std::unique_ptr<Session> session_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SERVER_PROCESS_H_
