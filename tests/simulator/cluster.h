#ifndef BANYAN_TESTS_SIMULATOR_CLUSTER_H_
#define BANYAN_TESTS_SIMULATOR_CLUSTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/file/simulated_disk.h"
#include "tests/simulator/coordinator_host.h"
#include "tests/simulator/decisions.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/network.h"
#include "tests/simulator/outcome.h"
#include "tests/simulator/people.h"
#include "tests/simulator/server_process.h"
#include "tests/simulator/simulated_job.h"
#include "tests/simulator/simulated_store.h"
#include "tests/simulator/witness.h"
#include "tests/simulator/worker_process.h"

namespace banyan::simulator {

// A coordinator, servers and workers made of the real machines, in one process on simulated time. What happens follows
// from the seed and the faults alone: how many there are of each, how slow they are, what is in the window's pool, how
// late messages come. One run: people submit the job and look after it, faults happen, until all has succeeded or time
// is up.
class Cluster {
 public:
  struct Options {
    uint64_t seed = 1;
    const SimulatedJob* job = nullptr;
    Profile profile;  // what is not faults in it
    std::vector<Fault> faults;
  };

  explicit Cluster(Options options);
  ~Cluster();

  Outcome Run();

 private:
  // Who lives at a place now. Dead processes are kept: what they set going may still name them.
  struct CoordinatorPlace {
    LifeRef life;
    std::unique_ptr<ProcessDisk> disk;
    std::unique_ptr<CoordinatorHost> host;
  };
  struct ServerPlace {
    std::unique_ptr<ProcessDisk> disk;
    std::unique_ptr<ServerProcess> process;
  };

  // What has been done of a job; when nothing of it changes for long, the run is stuck.
  struct Progress {
    std::string job;
    JobState state = JobState::kQueued;
    Term term = 0;
    size_t lines = 0;
    Step checkpoint = 0;

    friend bool operator==(const Progress&, const Progress&) = default;
  };
  static constexpr Place kCoordinatorPlace = 0;
  static constexpr char kJobsDirectory[] = "/state/jobs";

  // ---- cluster.cc
  void MakePeople(uint32_t replicas);
  void MakeWrong();
  // Whether values are not the job's by definition.
  bool other_values() const { return options_.profile.authors || options_.profile.wrong; }
  uint32_t Shape(uint32_t n) { return static_cast<uint32_t>(shape_() % n); }
  void Operate();
  void LetFaultsHappen();
  Witness& WitnessOf(const std::string& job);
  void Look();
  void LookAtProgress();
  void Finish();
  void CheckSuccess();
  void CheckAudit();
  void Count();
  std::string Meanwhile() const;
  std::string Story() const;

  // ---- cluster_processes.cc
  void StartCoordinator();
  void StartServer(uint32_t index);
  void StartWorker(uint32_t index);
  void EndCoordinator(absl::Duration down);
  void EndServer(uint32_t index, absl::Duration silence, absl::Duration down);
  void EndWorker(uint32_t index, absl::Duration silence, absl::Duration down);
  Session::Options SessionAt(Place place, const LifeRef& life);
  ServerProcess* FindServer(const std::string& endpoint) const;
  LifeRef LifeAt(Place place) const;
  Place server_place(uint32_t index) const { return 1 + index; }
  Place worker_place(uint32_t index) const { return 1 + static_cast<Place>(servers_.size()) + index; }
  Place places() const { return worker_place(static_cast<uint32_t>(workers_.size())); }

  // ---- cluster_faults.cc
  // A message is handed out: what waits for it happens.
  void OnSent(MessageKind kind, Place from, Place to);
  Fault AtMoment(Fault fault, Place from, Place to) const;
  void Apply(const Fault& fault);
  // Whoever lives there.
  void Crash(Place place, const Fault& fault);
  void CrashCoordinator(const Fault& fault);
  void CrashServer(const Fault& fault);
  void DrainServer(uint32_t index);
  // Whether a server may go without a new term: what they have is known to be in sync elsewhere.
  bool CanSpareOne() const;
  void BreakStream(const Fault& fault);
  void CutNetwork(const Fault& fault);
  void Sever(const Fault& fault);
  void CutPower(const Fault& fault);

  Options options_;  // but for faults that are to come, as they were given
  const SimulatedJob& job_;
  EventQueue events_;
  std::mt19937_64 shape_;  // apart, so that fewer faults leave the cluster as it is
  Network network_;
  SimulatedStore store_;
  SimulatedDisk disk_;
  std::vector<Fault> waiting_;  // for their moments
  bool disk_full_ = false;
  bool disk_was_full_ = false;
  bool has_severed_ = false;

  uint32_t shards_ = 1;
  uint64_t pool_bytes_ = 0;
  absl::Duration disk_time_;
  std::vector<WorkerHost::Options> worker_shapes_;
  uint64_t lives_ = 0;
  CoordinatorPlace coordinator_;
  std::vector<ServerPlace> servers_;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::vector<CoordinatorPlace> dead_coordinators_;
  std::vector<ServerPlace> dead_servers_;
  std::vector<std::unique_ptr<WorkerProcess>> dead_workers_;

  std::unique_ptr<People> people_;
  Progress progress_;
  absl::Time progress_at_;
  std::map<std::string, Witness> witnesses_;  // by job
  Decisions decisions_;
  std::set<std::tuple<Step, uint32_t, std::string>> wrong_;  // leaves that were computed wrong, and by whom
  Outcome outcome_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_CLUSTER_H_
