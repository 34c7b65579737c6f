#ifndef BANYAN_TESTS_SIMULATOR_SERVER_HOST_H_
#define BANYAN_TESTS_SIMULATOR_SERVER_HOST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/protocol/session.h"
#include "server/ledger/gate.h"
#include "server/shard/shard.h"
#include "server/shard/toy_job.h"
#include "tests/simulator/event_queue.h"

namespace banyan::simulator {

// A disk that all servers share: chunks of checkpoints.
using Disk = std::map<std::pair<Step, ChunkId>, server::ToyJob::State>;

// One life of a server in simulated time: the real shards and the real gate.
class ServerHost final : public server::GateOutput {
 public:
  struct Options {
    const server::ToyJob* job = nullptr;
    uint32_t index = 0;  // of the server in the job's map
    Incarnation incarnation;
    uint32_t shards = 1;
    uint64_t pool_bytes = 0;
    absl::Duration disk_time = absl::Milliseconds(5);
  };
  struct Network {
    std::function<void(uint64_t connection, ToWorker message)> to_worker;
    std::function<void(uint64_t connection)> close;
    std::function<void(ServerId to, const Sum& sum)> to_server;
  };

  ServerHost(Options options, EventQueue* events, Disk* disk, Network network);
  ~ServerHost() override;

  void OnOrder(const JobOrder& order);
  void OnMessage(uint32_t shard, uint64_t connection, const ToServer& message);
  void OnClosed(uint32_t shard, uint64_t connection);
  void OnSum(const Sum& sum);
  void Tick();

  // A report of each shard.
  std::vector<JobReport> Reports();
  Step done_through() const;
  bool failed() const { return failed_; }

 private:
  class Output;

  void SendSum(ServerId to, const Sum& sum) override { network_.to_server(to, sum); }
  void Decide(Term term, const Ledger& ledger) override;
  void Later(std::function<void()> event);

  const Options options_;
  EventQueue* const events_;
  Disk* const disk_;
  const Network network_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<server::Gate> gate_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<std::unique_ptr<server::Shard>> shards_;
  bool failed_ = false;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SERVER_HOST_H_
