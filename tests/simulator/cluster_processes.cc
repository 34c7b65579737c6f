// How the processes of a simulated cluster begin and end; the rest is in cluster.cc.

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulator/cluster.h"

namespace banyan::simulator {

void Cluster::StartCoordinator() {
  coordinator_.life = std::make_shared<Life>(&events_);
  coordinator_.disk = std::make_unique<ProcessDisk>(ProcessDisk::Options{
      .disk = &disk_, .full = &disk_full_, .on_death = [this, life = coordinator_.life] {
        life->End();
        events_.After(absl::ZeroDuration(), [this] { EndCoordinator(absl::Milliseconds(300)); });
      }});
  coordinator_.host = std::make_unique<CoordinatorHost>(CoordinatorHost::Options{
      .store = &store_,
      .files = coordinator_.disk.get(),
      .events = &events_,
      .life = coordinator_.life,
      .jobs_directory = kJobsDirectory,
      .leases = {.server = absl::Seconds(1), .worker = absl::Milliseconds(500), .silence = absl::Milliseconds(300)},
      .stall_limit = absl::Seconds(20),
      .disk_time = disk_time_,
      .on_crash = [this] { EndCoordinator(absl::Milliseconds(300)); },
      .on_decided = [this](const coordinator::Cluster& cluster) { decisions_.Look(cluster, events_.now()); }});
}

Session::Options Cluster::SessionAt(Place place, const LifeRef& life) {
  return {.place = place,
          .life = life,
          .events = &events_,
          .network = &network_,
          .coordinator_place = kCoordinatorPlace,
          .coordinator = [this] { return coordinator_.host.get(); },
          .coordinator_life = [this] { return coordinator_.life; }};
}

void Cluster::StartServer(uint32_t index) {
  ServerPlace& place = servers_[index];
  if (place.process != nullptr) return;
  const LifeRef life = std::make_shared<Life>(&events_);
  const Incarnation incarnation(++lives_);
  place.disk = std::make_unique<ProcessDisk>(
      ProcessDisk::Options{.disk = &disk_, .full = &disk_full_, .on_death = [this, index, life] {
                             life->End();
                             events_.After(absl::ZeroDuration(), [this, index] {
                               EndServer(index, absl::ZeroDuration(), absl::Milliseconds(300));
                             });
                           }});
  ServerProcess::Options options = {.name = absl::StrCat("server-", index),
                                    .place = server_place(index),
                                    .incarnation = incarnation,
                                    .host = {.job = &job_,
                                             .shards = shards_,
                                             .pool_bytes = pool_bytes_,
                                             .disk_time = disk_time_,
                                             .events = &events_,
                                             .life = life,
                                             .files = place.disk.get()},
                                    .network = &network_,
                                    .find = [this](const std::string& name) { return FindServer(name); }};
  options.on_told = [this, incarnation](const std::string& job, const ToWorker& message) {
    WitnessOf(job).OnTold(incarnation, message);
  };
  options.on_sum = [this](const std::string& job, const Sum& sum) { WitnessOf(job).OnSum(sum); };
  options.on_entry = [this](const std::string& job, const Entry& entry) { WitnessOf(job).OnEntry(entry); };
  options.on_exit = [this, index, life] {
    life->End();
    ++outcome_.counts["drained servers"];
    events_.After(absl::ZeroDuration(), [this, index] {
      EndServer(index, absl::ZeroDuration(), absl::Milliseconds(100 + events_.Draw(1000)));
    });
  };
  place.process = std::make_unique<ServerProcess>(std::move(options), SessionAt(server_place(index), life));
}

void Cluster::StartWorker(uint32_t index) {
  if (workers_[index] != nullptr) return;
  const LifeRef life = std::make_shared<Life>(&events_);
  WorkerProcess::Options options = {.name = absl::StrCat("worker-", index),
                                    .place = worker_place(index),
                                    .incarnation = Incarnation(++lives_),
                                    .host = worker_shapes_[index],
                                    .network = &network_,
                                    .find = [this](const std::string& name) { return FindServer(name); },
                                    .on_exit = [this, index, life] {
                                      life->End();
                                      events_.After(absl::ZeroDuration(), [this, index] {
                                        EndWorker(index, absl::ZeroDuration(), absl::Milliseconds(50));
                                      });
                                    }};
  options.host.life = life;
  workers_[index] = std::make_unique<WorkerProcess>(std::move(options), SessionAt(worker_place(index), life));
}

void Cluster::EndCoordinator(absl::Duration down) {
  if (coordinator_.host == nullptr) return;
  ++outcome_.counts["coordinator deaths"];
  coordinator_.life->End();
  store_.Crash();
  dead_coordinators_.push_back(std::move(coordinator_));
  coordinator_ = {};
  network_.EndAll(kCoordinatorPlace, absl::ZeroDuration());
  events_.After(down, [this] { StartCoordinator(); });
}

void Cluster::EndServer(uint32_t index, absl::Duration silence, absl::Duration down) {
  ServerPlace& place = servers_[index];
  if (place.process == nullptr) return;
  ++outcome_.counts["server deaths"];
  place.process->life()->End();
  Look();
  dead_servers_.push_back(std::move(place));
  place = {};
  network_.EndAll(server_place(index), silence);
  events_.After(down, [this, index] { StartServer(index); });
}

void Cluster::EndWorker(uint32_t index, absl::Duration silence, absl::Duration down) {
  if (workers_[index] == nullptr) return;
  ++outcome_.counts["worker deaths"];
  workers_[index]->life()->End();
  Look();
  dead_workers_.push_back(std::move(workers_[index]));
  network_.EndAll(worker_place(index), silence);
  events_.After(down, [this, index] { StartWorker(index); });
}

ServerProcess* Cluster::FindServer(const std::string& endpoint) const {
  for (uint32_t i = 0; i < servers_.size(); ++i) {
    if (endpoint == absl::StrCat("server-", i)) return servers_[i].process.get();
  }
  return nullptr;
}

LifeRef Cluster::LifeAt(Place place) const {
  if (place == kCoordinatorPlace) return coordinator_.life;
  if (place <= servers_.size()) {
    const ServerPlace& server = servers_[place - 1];
    return server.process == nullptr ? nullptr : server.process->life();
  }
  const auto& worker = workers_[place - 1 - servers_.size()];
  return worker == nullptr ? nullptr : worker->life();
}

}  // namespace banyan::simulator
