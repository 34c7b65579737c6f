#ifndef BANYAN_TESTS_SIMULATOR_SERVER_PROCESS_H_
#define BANYAN_TESTS_SIMULATOR_SERVER_PROCESS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/process_disk.h"
#include "tests/simulator/server_host.h"
#include "tests/simulator/session.h"

namespace banyan::simulator {

// One life of a server: its session, the job when it has one, and the streams of workers and of other servers. After
// SIGTERM (Drain) its chunks move to others, where there are any; then, or when its time is up, the process ends.
class ServerProcess {
 public:
  struct Options {
    std::string name;  // its endpoint, too
    Place place = 0;
    Incarnation incarnation;
    ServerHost::Options host;  // but for the server's id
    Network* network = nullptr;
    std::function<ServerProcess*(const std::string& endpoint)> find;
    std::function<void(const std::string& job, const ToWorker& message)> on_told;  // what a worker is told
    std::function<void(const std::string& job, const Entry& entry)> on_entry;      // what the coordinator is told
    std::function<void(const std::string& job, const Sum& sum)> on_sum;            // what another server is told
    std::function<void()> on_exit;
  };

  ServerProcess(Options options, Session::Options session);

  const LifeRef& life() const { return options_.host.life; }
  Place place() const { return options_.place; }
  const ServerHost* host() const { return host_.get(); }
  Incarnation incarnation() const { return options_.incarnation; }
  bool draining() const { return draining_; }

  void Drain();

  // The far end of a worker's stream, and of a primary's.
  // `job`: for which the stream was opened.
  void OnMessage(Wire wire, const std::string& job, const ToServer& message, std::function<void(ToWorker)> reply);
  void OnToBackup(Wire wire, const std::string& job, const ToBackup& message, std::function<void(Held)> reply);
  void OnClosed(Wire wire);

 private:
  void OnCommand(const Command& command);
  coordinator::Cluster::Heard MakeReport(bool first);
  void MakeHost();
  void DropJob();
  void Exit();
  void Connect(uint32_t shard, const std::vector<server::Followers::Link>& links);
  void OpenLinks();
  void SendSum(ServerId to, const Sum& sum);
  void Tick();

  struct Stream {
    uint32_t shard = 0;
    std::function<void(ToWorker)> reply;  // a worker's
    std::function<void(Held)> answer;     // a primary's
  };
  // A stream of a shard here to a backup.
  using LinkId = std::pair<uint32_t, server::FollowerId>;
  struct Link {
    std::string endpoint;
    std::optional<Wire> wire;  // none: closed
    ServerProcess* peer = nullptr;
    bool broken = false;  // its last stream ended, and it has not been heard since
  };
  void OpenLink(const LinkId& id, Link& link);
  void SendToBackup(const LinkId& id, ToBackup message);

  const Options options_;
  uint64_t coordinator_term_ = 0;
  ServerId id_;
  std::unique_ptr<ServerHost> host_;
  std::string job_;
  Command::Job facts_;
  ChunkMap map_;
  std::map<Wire, Stream> streams_;
  std::map<LinkId, Link> links_;
  bool draining_ = false;
  bool exited_ = false;
  std::unique_ptr<Session> session_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SERVER_PROCESS_H_
