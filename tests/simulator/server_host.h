#ifndef BANYAN_TESTS_SIMULATOR_SERVER_HOST_H_
#define BANYAN_TESTS_SIMULATOR_SERVER_HOST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/file/file_system.h"
#include "common/protocol/session.h"
#include "server/checkpoint/state_source.h"
#include "server/ledger/gate.h"
#include "server/service/part_merger.h"
#include "server/shard/shard.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/life.h"
#include "tests/simulator/simulated_job.h"

namespace banyan::simulator {

// The job on one server, in simulated time: the real shards, the real gate, and checkpoints read and written by the
// real code. Dropped with its process, or when the coordinator says so; what it has set going then comes to nothing.
class ServerHost final : public server::GateOutput {
 public:
  struct Options {
    const SimulatedJob* job = nullptr;
    ServerId id;
    Incarnation incarnation;
    uint32_t shards = 1;
    uint64_t pool_bytes = 0;
    absl::Duration disk_time;
    EventQueue* events = nullptr;
    LifeRef life;
    FileSystem* files = nullptr;
  };
  struct Network {
    std::function<void(uint64_t connection, ToWorker message)> to_worker;
    std::function<void(uint64_t connection)> close;
    // Of one shard: the backups that it wants a stream to, and what it says on those and to primaries.
    std::function<void(uint32_t shard, const std::vector<server::Followers::Link>& links)> connect;
    std::function<void(uint32_t shard, const server::FollowerId& to, ToBackup message)> to_backup;
    std::function<void(uint64_t connection, Held held)> to_primary;
    std::function<void(ServerId to, const Sum& sum)> to_server;
    std::function<void()> report_soon;
  };

  ServerHost(Options options, Network network);
  ~ServerHost() override;

  void OnOrder(const JobOrder& order);
  void OnSession();
  void OnMessage(uint32_t shard, uint64_t connection, const ToServer& message);
  void OnToBackup(uint32_t shard, uint64_t connection, const ToBackup& message);
  void OnClosed(uint32_t shard, uint64_t connection);
  void OnFollowerOpened(uint32_t shard, const server::FollowerId& id);
  void OnFollowerClosed(uint32_t shard, const server::FollowerId& id);
  void OnHeld(uint32_t shard, const server::FollowerId& id, const Held& held);
  void OnSum(const Sum& sum);
  void Tick();
  JobReport TakeReport();

  uint32_t shards() const { return static_cast<uint32_t>(shards_.size()); }
  // What has been seen that must never be; empty: nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  class Output;

  void SendSum(ServerId to, const Sum& sum) override { network_.to_server(to, sum); }
  void Decide(Term term, const Ledger& ledger) override;
  server::Shard::Options ShardOptions(uint32_t shard) const;
  void OrderGate(const JobOrder& order);
  // One executor's tasks are in order, and so are the disk's.
  void Post(std::function<void()> task);
  void PostToDisk(std::function<void()> task);
  void Look();
  void OnPush(server::Shard& shard, server::StreamId stream, const Push& push);
  void LookAtAnswer(const State& state);

  const Options options_;
  const Network network_;
  const server::StateSource source_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
  absl::Time executor_free_;
  absl::Time disk_free_;
  std::unique_ptr<server::Gate> gate_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<std::unique_ptr<server::Shard>> shards_;
  server::PartMerger parts_;
  Term parts_term_ = 0;
  Epoch parts_epoch_ = 0;
  std::set<std::pair<ServerId, std::string>> gate_peers_;  // with their endpoints
  Step told_done_ = 0;
  // What a shard's pool may hold in its open step.
  struct OpenStep {
    std::pair<Term, Step> step;  // done
    Epoch epoch = 0;
    size_t windows = 1;   // of them there were so many
    size_t capacity = 0;  // the greatest of them
  };
  std::vector<OpenStep> open_steps_;
  const Push* awaited_ = nullptr;  // a push under way, for the window's first position
  std::string trouble_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SERVER_HOST_H_
