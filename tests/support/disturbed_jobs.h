#ifndef BANYAN_TESTS_SUPPORT_DISTURBED_JOBS_H_
#define BANYAN_TESTS_SUPPORT_DISTURBED_JOBS_H_

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {

// The linear and the GPT job, tests' parameter by their names, on one local cluster of the suite's: something happens
// to them at a step, and each must end as it does when nothing happens, to the last bit of every line. `Suite` is the
// class that derives from this one; its SetUpTestSuite calls Begin.
template <typename Suite>
class DisturbedJobs : public ::testing::TestWithParam<const char*> {
 protected:
  using Json = nlohmann::json;

  struct Options {
    const char* folder = "";
    int steps = 0;
    const char* run = "";  // of both jobs
    int workers = 2;
    int servers = 2;
  };
  static void Begin(const Options& options) {
    const std::string folder = MakeFolder(options.folder);
    WriteFile(folder + "/text", SomeText());
    WriteFile(folder + "/linear.yaml", LinearJob(options.steps, options.run));
    WriteFile(folder + "/gpt.yaml", GptJob(options.steps, options.run));
    steps_ = options.steps;
    cluster_ = std::make_unique<LocalCluster>(folder);
    cluster_->Up(options.workers, options.servers);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  // Two workers are there when it begins, as the plan wants; it goes on with one.
  static std::string Submit() {
    return cluster_->Submit(absl::StrCat(cluster_->folder(), "/", GetParam(), ".yaml"), {"--leaf-plan", "7,6"});
  }

  static void Expect(const std::vector<std::string>& command, int exit_code) {
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, exit_code) << command[0] << "\n" << result.err;
  }

  // A job to which `happens` at a step drawn from the seed, up to `last`, or of the first two thirds. Returns its
  // result.
  template <typename Happens>
  static Json Disturb(const Happens& happens, std::optional<int> last = std::nullopt) {
    const Reference& reference = Undisturbed();
    const std::string job = Submit();
    step_ = std::uniform_int_distribution<int>(2, last.value_or(2 * steps_ / 3))(random_);
    const std::string trace = absl::StrCat("at step ", step_, " of ", GetParam());
    EXPECT_TRUE(cluster_->AwaitStep(job, static_cast<uint64_t>(step_))) << trace;
    happens(job);
    const Json result = cluster_->Result(job);
    EXPECT_EQ(Answer(result), reference.answer) << trace;
    EXPECT_EQ(FirstDifference(cluster_->Lines(job), reference.lines), "") << trace;
    EXPECT_THAT(EventTypes(result), ::testing::Not(::testing::Contains("LEDGER_DIFFERS"))) << trace;
    return result;
  }

  // The processes that compute for the job, not those that watch over them, by name.
  static std::map<std::string, pid_t> Workers(const std::string& job) {
    std::map<std::string, pid_t> pids;
    const Json description = Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
    for (const Json& process : description["processes"]) {
      if (absl::StartsWith(process["name"].get<std::string>(), "worker-")) {
        pids[process["name"]] = std::stoi(process["pid"].get<std::string>());
      }
    }
    return pids;
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline int step_ = 0;  // at which it happens

 private:
  struct Reference {
    std::string answer;
    std::vector<std::string> lines;
  };

  // What the job gives when nothing happens to it.
  static const Reference& Undisturbed() {
    Reference& reference = references_[GetParam()];
    if (reference.lines.empty()) {
      const std::string job = Submit();
      reference.answer = Answer(cluster_->Result(job));
      reference.lines = cluster_->Lines(job);
      ExpectALineAStep(reference.lines);
    }
    return reference;
  }

  static void ExpectALineAStep(const std::vector<std::string>& lines) {
    EXPECT_EQ(lines.size(), static_cast<size_t>(steps_));
    for (size_t i = 0; i < lines.size(); ++i) {
      EXPECT_TRUE(absl::StartsWith(lines[i], absl::StrCat("{\"step\":", i + 1, ","))) << lines[i];
    }
  }

  static std::string FirstDifference(const std::vector<std::string>& lines, const std::vector<std::string>& expected) {
    for (size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
      const std::string line = i < lines.size() ? lines[i] : "nothing";
      const std::string other = i < expected.size() ? expected[i] : "nothing";
      if (line != other) return absl::StrCat("line ", i + 1, " is\n", line, "\nand not\n", other);
    }
    return "";
  }

  static inline int steps_ = 0;
  static inline std::map<std::string, Reference> references_;
  static inline std::mt19937 random_{20261121};
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_DISTURBED_JOBS_H_
