#ifndef BANYAN_TESTS_SIMULATOR_PEOPLE_H_
#define BANYAN_TESTS_SIMULATOR_PEOPLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/file/file_system.h"
#include "tests/simulator/coordinator_host.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/simulated_job.h"
#include "tests/simulator/simulated_store.h"

namespace banyan::simulator {

// What people do in a run, and what they may rely on. They submit the job; stop, pause and scale it when faults say so;
// resume it, with other counts, when it rests; fork it, unchanged, where it rests or has succeeded, and then look after
// the fork until that has succeeded. Thread-compatible.
class People {
 public:
  struct Options {
    const SimulatedJob* job = nullptr;
    const SimulatedStore* store = nullptr;
    EventQueue* events = nullptr;
    FileSystem* files = nullptr;
    std::string jobs_directory;
    uint32_t servers = 1;
    uint32_t workers = 1;
    uint32_t replicas = 0;
    uint32_t least_workers = 1;
    bool uneven = false;  // by a leaf plan
    double audit = 0;
    std::vector<Fault> forks;  // one after the other, as occasions come
    std::function<uint32_t(uint32_t n)> shape;  // [0, n), whatever the faults
    // Of the coordinator, if there is one; what dies with it is never answered.
    std::function<void(CoordinatorHost::Question question, std::function<void()> answered)> ask;
  };
  explicit People(Options options) : options_(std::move(options)), forks_(options_.forks) {}

  // Does what is due. `disk_full`: nothing is begun; `disk_was_full` excuses a job that failed for that.
  void Operate(bool disk_full, bool disk_was_full);

  enum class How { kStop, kStopNow, kPause };
  void Halt(How how);
  void ScaleWorkers(const Fault& fault);
  void ScaleServers(const Fault& fault);

  // The job that they look after now, as it was committed; null: not submitted yet.
  const coordinator::JobRecord* job() const { return options_.store->job(id_); }
  const std::string& id() const { return id_; }
  // Everything has succeeded.
  bool done() const { return done_; }
  // It failed, and no full disk explains that: its reason.
  const std::string& failure() const { return failure_; }
  const std::string& trouble() const { return trouble_; }
  const std::map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  // A stop or pause that was agreed to.
  struct Halted {
    std::string job;
    uint32_t life = 0;
    bool running = false;  // then
    Step through = 0;      // what was done by then
    size_t events = 0;     // of the job, then
  };

  void Submit();
  // Whether a fork is wanted, and this is an occasion.
  bool MayFork(const coordinator::JobRecord& record) const;
  void Fork(const coordinator::JobRecord& parent);
  void Resume();
  void CheckHalted(const coordinator::JobRecord& record);
  uint32_t ServersToUse() const;
  std::vector<uint32_t> LeafPlan() const;

  const Options options_;
  std::string id_ = "j1";
  std::vector<std::string> resting_;  // parents of forks, to be resumed later
  std::vector<Fault> forks_;          // still wanted
  bool forking_ = false;              // asked
  absl::Time act_at_ = absl::InfiniteFuture();
  std::optional<Halted> halted_;
  bool done_ = false;
  std::string failure_;
  std::string trouble_;
  std::map<std::string, uint64_t> counts_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_PEOPLE_H_
