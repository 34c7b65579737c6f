#ifndef BANYAN_TESTS_SUPPORT_LOCAL_CLUSTER_H_
#define BANYAN_TESTS_SUPPORT_LOCAL_CLUSTER_H_

#include <sys/types.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/command.h"
#include "tests/support/process.h"

namespace banyan::testing {

// A cluster of real processes, by `banyan local up`, and what a person does with it. Its settings lie in the folder,
// not in the home of whoever runs the test. Thread-compatible.
class LocalCluster {
 public:
  using Json = nlohmann::json;

  // `folder` is also what jobs know as `data:`. Nothing runs yet.
  explicit LocalCluster(std::string folder);
  // Takes it down.
  ~LocalCluster();

  // Expects success. Brings it up again where it was down, with the state that it had.
  void Up(int workers, int servers, int threads = 1);
  void Down();

  // `banyan ARGUMENTS` to this cluster, to its end or running.
  CommandResult Banyan(const std::vector<std::string>& arguments) const;
  std::unique_ptr<Process> Start(const std::vector<std::string>& arguments, uint16_t columns = 0) const;

  // NAME=value, as those commands have them.
  std::vector<std::string> Environment(std::vector<std::string> first = {}) const;

  // Submits the job file and returns the job's id.
  std::string Submit(const std::string& job_file, const std::vector<std::string>& flags = {}) const;
  // Waits until the line of this step of the job is written; false when the job is over before.
  bool AwaitStep(const std::string& job, uint64_t step) const;
  // Waits for the job's end and returns its result.
  Json Result(const std::string& job) const;
  // Its lines, as `metrics -o jsonl` has them.
  std::vector<std::string> Lines(const std::string& job) const;

  // Of a process by its name, as worker-0.
  pid_t Pid(const std::string& name) const;
  void Kill(const std::string& name, int signal = SIGKILL) const;

  const std::string& folder() const { return folder_; }
  std::string state_dir() const { return folder_ + "/state"; }

 private:
  std::vector<std::string> Argv(const std::vector<std::string>& arguments) const;
  const std::string folder_;
  const std::string program_;
  bool up_ = false;
};

// What must not depend on the cluster: hash of the state, sums of losses.
std::string Answer(const nlohmann::json& result);

// Types of the result's events, in order.
std::vector<std::string> EventTypes(const nlohmann::json& result);

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_LOCAL_CLUSTER_H_
