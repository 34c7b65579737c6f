// Real processes whose disk has lost something, at steps drawn from a seed: said, gone around where that is possible,
// and never in the answer.

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/disturbed_jobs.h"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kSteps = 90;
constexpr int kEvery = 15;  // steps from one checkpoint to the next
constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 30 steps}
  checkpoint: {every: 15 steps, keep: 100}
)";

void Flip(const std::string& path, std::streamoff from_end) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-from_end, std::ios::end);
  const char byte = static_cast<char>(file.get() ^ 4);
  file.seekp(-from_end, std::ios::end);
  file.put(byte);
  ASSERT_TRUE(file.good()) << path;
}

class DiskTest : public DisturbedJobs<DiskTest> {
 protected:
  static void SetUpTestSuite() { Begin({.folder = "disk", .steps = kSteps, .run = kRun}); }

  static std::string JobFolder(const std::string& job) {
    return absl::StrCat(cluster_->state_dir(), "/coordinator/jobs/", job);
  }
  static std::string Describe(const Json& result) {
    return cluster_->Banyan({"describe", result["job"]["id"].get<std::string>()}).out;
  }
};

TEST_P(DiskTest, TheLastGoodCheckpointIsUsed) {
  const std::vector<std::function<void(const std::string&)>> damages = {
      [](const std::string& folder) { Flip(folder + "/model.safetensors", 5000); },
      [](const std::string& folder) { Flip(folder + "/optimizer.safetensors", 9); },
      [](const std::string& folder) { Flip(folder + "/manifest.json", 40); },
      [](const std::string& folder) { Flip(folder + "/manifest.json.sha256", 30); },
      [](const std::string& folder) { std::filesystem::resize_file(folder + "/model.safetensors", 1000); },
      [](const std::string& folder) { std::filesystem::remove(folder + "/optimizer.safetensors"); },
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    SCOPED_TRACE(absl::StrCat("damage ", i));
    std::string newest;
    const auto damaged = [&](const std::string& job) {
      Expect({"stop", job}, 0);
      newest = Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out)["checkpoint_directory"];
      damages[i](newest);
      Expect({"checkpoints", job}, 7);
      Expect({"resume", job, "--detach"}, 0);
    };
    const Json result = Disturb(damaged, kSteps / 3);
    EXPECT_THAT(EventTypes(result), AllOf(Contains("CHECKPOINT_DAMAGED"), Contains("FALLBACK")));
    EXPECT_THAT(Describe(result), HasSubstr(newest)) << "which file";
  }
}

TEST_P(DiskTest, OneThatCannotBeWrittenIsSaidAndTheNextIs) {
  int due = 0;
  std::string in_the_way;
  const auto occupied = [&](const std::string& job) {
    due = (step_ / kEvery + 3) * kEvery;  // far enough ahead
    // Where its directory would be.
    in_the_way = absl::StrFormat("step-%012d-term-1.partial", due);
    WriteFile(absl::StrCat(JobFolder(job), "/", in_the_way), "");
  };
  const Json result = Disturb(occupied, kSteps / 3);
  EXPECT_THAT(EventTypes(result), Contains("CHECKPOINT_FAILED"));
  EXPECT_THAT(Describe(result), HasSubstr(in_the_way));
  const std::string job = result["job"]["id"];
  std::vector<int> steps;
  for (const Json& entry : Json::parse(cluster_->Banyan({"checkpoints", job, "-o", "json"}).out)) {
    steps.push_back(entry["step"]);
  }
  EXPECT_THAT(steps, AllOf(Not(Contains(due)), Contains(due + kEvery), Contains(kSteps)));
}

INSTANTIATE_TEST_SUITE_P(Jobs, DiskTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

TEST(DamagedStoreTest, IsRefusedAndNamed) {
  LocalCluster cluster(MakeFolder("damaged-store"));
  WriteFile(cluster.folder() + "/job.yaml", LinearJob(kSteps, kRun));
  cluster.Up(/*workers=*/1, /*servers=*/2);
  const std::string answer = Answer(cluster.Result(cluster.Submit(cluster.folder() + "/job.yaml")));
  cluster.Down();
  const std::string store = cluster.state_dir() + "/coordinator/coordinator.sqlite";
  const std::string good = ReadFile(store);
  const size_t at = good.find("SUCCEEDED");
  ASSERT_NE(at, std::string::npos);
  std::string bad = good;
  bad[at] = 'T';
  WriteFile(store, bad);
  const std::vector<std::string> up = {"local", "up", "--state-dir=" + cluster.state_dir()};
  const CommandResult refused = cluster.Banyan(up);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("coordinator.sqlite"), HasSubstr("table events, job j1"),
                                 HasSubstr("put a copy of the file back")));
  // A new store's jobs are not taken for the old one's: they have other folders.
  std::filesystem::remove(store);
  cluster.Up(/*workers=*/1, /*servers=*/2);
  EXPECT_EQ(cluster.Submit(cluster.folder() + "/job.yaml"), "j2");
  EXPECT_EQ(Answer(cluster.Result("j2")), answer);
  EXPECT_EQ(cluster.Lines("j2").size(), static_cast<size_t>(kSteps));
}

}  // namespace
}  // namespace banyan::testing
