#ifndef BANYAN_CLI_JOB_INPUT_H_
#define BANYAN_CLI_JOB_INPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/base/command.h"
#include "cli/base/flags.h"
#include "proto/job.pb.h"

namespace banyan::cli {

// The flags that change a job, shared by the commands that take one.
struct JobFlags {
  std::vector<std::string> set;
  std::optional<uint64_t> workers;
  std::optional<uint64_t> servers;
  std::optional<uint64_t> chunk_bytes;
  std::vector<uint32_t> leaf_plan;

  void AddSetTo(Flags& flags);
  void AddAllTo(Flags& flags);
  // Whether anything of the job is changed.
  bool ChangeJob() const { return !set.empty() || workers || servers || chunk_bytes; }
};

// Reads the job file; where anything is wrong it prints that and sets `*code`: kNotFound for the file, kBadConfig for
// what it says.
std::optional<v1::Job> ReadJobFile(Environment& environment, const std::string& path, const JobFlags& flags,
                                   ExitCode* code);

// The same of a job that is at hand, `name` in messages.
std::optional<v1::Job> ChangeJob(Environment& environment, const v1::Job& job, const std::string& name,
                                 const JobFlags& flags, ExitCode* code);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_JOB_INPUT_H_
