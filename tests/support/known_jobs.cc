#include "tests/support/known_jobs.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {

KnownJobs::KnownJobs(HandCluster& cluster, int steps, const std::string& run, uint32_t seed,
                     std::vector<std::string> flags)
    : cluster_(cluster), steps_(steps), flags_(std::move(flags)), random_(seed) {
  WriteFile(cluster_.folder() + "/text", SomeText());
  WriteFile(cluster_.folder() + "/linear.yaml", LinearJob(steps, run));
  WriteFile(cluster_.folder() + "/gpt.yaml", GptJob(steps, run));
}

KnownJobs::Job KnownJobs::Begin(const std::string& name, int first, int last, const std::vector<std::string>& flags) {
  LeftAlone(name);
  const Job job = {.name = name,
                   .id = Submit(name, flags),
                   .step = std::uniform_int_distribution<int>(first, last)(random_)};
  cluster_.AwaitStep(job.id, job.step);
  return job;
}

int KnownJobs::ChunksAStep(const std::string& name) {
  return LeftAlone(name).result["counters"]["chunks_applied"].get<int>() / steps_ + 1;
}

KnownJobs::Json KnownJobs::ExpectTheAnswer(const Job& job) {
  const std::string trace = absl::StrCat(job.name, ", disturbed at step ", job.step);
  const Reference& reference = LeftAlone(job.name);
  const Json result = cluster_.Result(job.id);
  EXPECT_EQ(Answer(result), Answer(reference.result)) << trace;
  const std::vector<std::string> lines = Lines(job.id);
  EXPECT_EQ(lines.size(), reference.lines.size()) << trace;
  for (size_t i = 0; i < lines.size() && i < reference.lines.size(); ++i) {
    if (lines[i] == reference.lines[i]) continue;
    ADD_FAILURE() << "line " << i + 1 << " is\n" << lines[i] << "\nand not\n" << reference.lines[i] << "\n" << trace;
    break;
  }
  EXPECT_THAT(EventTypes(result), ::testing::Not(::testing::Contains("LEDGER_DIFFERS"))) << trace;
  return result;
}

std::string KnownJobs::Submit(const std::string& name, const std::vector<std::string>& flags) {
  std::vector<std::string> submit = {"submit", absl::StrCat(cluster_.folder(), "/", name, ".yaml"), "--detach"};
  submit.insert(submit.end(), flags_.begin(), flags_.end());
  submit.insert(submit.end(), flags.begin(), flags.end());
  const CommandResult result = cluster_.Banyan(submit);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.LastLine();
}

const KnownJobs::Reference& KnownJobs::LeftAlone(const std::string& name) {
  Reference& reference = references_[name];
  if (!reference.lines.empty()) return reference;
  const std::string id = Submit(name);
  reference = {.result = cluster_.Result(id), .lines = Lines(id)};
  // Every step has one line.
  EXPECT_EQ(reference.lines.size(), static_cast<size_t>(steps_));
  for (size_t i = 0; i < reference.lines.size(); ++i) {
    EXPECT_TRUE(absl::StartsWith(reference.lines[i], absl::StrCat("{\"step\":", i + 1, ","))) << reference.lines[i];
  }
  return reference;
}

std::vector<std::string> KnownJobs::Lines(const std::string& id) const {
  return absl::StrSplit(cluster_.Lines(id), '\n', absl::SkipEmpty());
}

}  // namespace banyan::testing
