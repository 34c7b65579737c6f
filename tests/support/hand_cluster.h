#ifndef BANYAN_TESTS_SUPPORT_HAND_CLUSTER_H_
#define BANYAN_TESTS_SUPPORT_HAND_CLUSTER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/command.h"
#include "tests/support/process.h"

namespace banyan::testing {

// Daemons of a cluster that a person starts one by one: whoever dies stays dead. Thread-compatible.
class HandCluster {
 public:
  using Json = nlohmann::json;

  // `folder` is also what jobs know as `data:`. A coordinator runs. `daemons`: how these are started.
  explicit HandCluster(std::string folder, Process::Options daemons = {});
  // Drains everybody.
  ~HandCluster();

  // "coordinator" (again, where it was), "server-0", "worker-1"; with a name that has run before, its next life.
  void Start(const std::string& name, const std::vector<std::string>& flags = {});
  // The same, without waiting for it.
  void Launch(const std::string& name, const std::vector<std::string>& flags = {});
  // host:port where it serves, and of its page for Prometheus.
  std::string Endpoint(const std::string& name);
  std::string MetricsEndpoint(const std::string& name);
  // A number on a server's page for Prometheus, by its name and labels as they stand there. 0: it is not there.
  double Metric(const std::string& server, const std::string& sample);
  Process& process(const std::string& name) { return *daemons_.at(name); }
  // SIGKILL; returns when it is gone.
  void Kill(const std::string& name);
  // It ends by itself; what it printed.
  CommandResult AwaitEnd(const std::string& name);
  // SIGTERM, the same; expects success, within the time that a drain may take.
  void Drain(const std::string& name);

  // `banyan ARGUMENTS` to this cluster, to its end or running.
  CommandResult Banyan(const std::vector<std::string>& arguments) const;
  std::unique_ptr<Process> Begin(const std::vector<std::string>& arguments) const;

  // Waits until the line of this step of the job is written, also while the coordinator is away.
  void AwaitStep(const std::string& job, int step) const;
  // Waits for the job's end, also while the coordinator is away, and returns its result.
  Json Result(const std::string& job) const;
  // Its lines, as `metrics -o jsonl` has them, and how many they are.
  std::string Lines(const std::string& job) const;
  int CountLines(const std::string& job) const;

  const std::string& folder() const { return folder_; }
  std::string StateOf(const std::string& name) const { return folder_ + "/state-" + name; }

 private:
  // Of the line with which it says that it is ready.
  std::string Word(const std::string& name, size_t index);
  std::vector<std::string> Argv(const std::vector<std::string>& arguments) const;
  Process::Options Environment() const;

  const std::string folder_;
  const Process::Options options_;
  const std::string program_;
  std::string coordinator_;  // host:port
  std::map<std::string, std::unique_ptr<Process>> daemons_;
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_HAND_CLUSTER_H_
