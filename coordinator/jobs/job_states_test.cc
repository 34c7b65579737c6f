#include "coordinator/jobs/job_states.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

constexpr int kStates = 9;

TEST(JobStatesTest, TheEdgesAreThoseOfTheTable) {
  const std::map<std::string, std::string> table = {
      {"QUEUED", "STARTING PAUSED STOPPED FAILED"},
      {"STARTING", "RUNNING RECOVERING STOPPING PAUSED STOPPED FAILED QUEUED"},
      {"RUNNING", "RECOVERING STOPPING PAUSED STOPPED SUCCEEDED FAILED QUEUED"},
      {"RECOVERING", "STARTING RUNNING STOPPING PAUSED STOPPED FAILED QUEUED"},
      {"PAUSED", "QUEUED STOPPED"},
      {"STOPPING", "PAUSED STOPPED FAILED"},
      {"STOPPED", "QUEUED"},
      {"SUCCEEDED", ""},
      {"FAILED", "QUEUED"},
  };
  for (int from = 0; from < kStates; ++from) {
    const std::string name(JobStateName(JobState{from}));
    const std::set<std::string> next = absl::StrSplit(table.at(name), ' ', absl::SkipEmpty());
    for (int to = 0; to < kStates; ++to) {
      const std::string other(JobStateName(JobState{to}));
      EXPECT_EQ(MayFollow(JobState{from}, JobState{to}), next.contains(other)) << name << " -> " << other;
    }
  }
}

TEST(JobStatesTest, ActiveAreThoseThatHaveProcesses) {
  std::set<std::string> active;
  for (int state = 0; state < kStates; ++state) {
    if (IsActive(JobState{state})) active.emplace(JobStateName(JobState{state}));
  }
  EXPECT_EQ(active, (std::set<std::string>{"STARTING", "RUNNING", "RECOVERING", "STOPPING"}));
}

}  // namespace
}  // namespace banyan::coordinator
