// Real processes whose disk has lost something: said, gone around where that is possible, and never in the answer.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::string Job() {
  return LinearJob(200, R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 30 steps}
  checkpoint: {every: 15 steps, keep: 100}
)");
}

void Flip(const std::string& path, std::streamoff from_end) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-from_end, std::ios::end);
  const char byte = static_cast<char>(file.get() ^ 4);
  file.seekp(-from_end, std::ios::end);
  file.put(byte);
  ASSERT_TRUE(file.good()) << path;
}

class DiskTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<LocalCluster>(MakeFolder("disk"));
    WriteFile(cluster_->folder() + "/job.yaml", Job());
    cluster_->Up(/*workers=*/2, /*servers=*/2);
    const std::string job = Submit();
    answer_ = Answer(cluster_->Result(job));
    lines_ = cluster_->Lines(job);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  static std::string Submit() { return cluster_->Submit(cluster_->folder() + "/job.yaml"); }
  static std::string JobFolder(const std::string& job) {
    return absl::StrCat(cluster_->state_dir(), "/coordinator/jobs/", job);
  }
  static void ExpectTheAnswer(const std::string& job, const Json& result) {
    EXPECT_EQ(Answer(result), answer_);
    EXPECT_EQ(cluster_->Lines(job), lines_);
    EXPECT_THAT(EventTypes(result), Not(Contains("LEDGER_DIFFERS")));
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline std::string answer_;
  static inline std::vector<std::string> lines_;
};

TEST_F(DiskTest, TheLastGoodCheckpointIsUsed) {
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
    const std::string job = Submit();
    ASSERT_TRUE(cluster_->AwaitStep(job, 40));
    ASSERT_EQ(cluster_->Banyan({"stop", job}).exit_code, 0);
    const Json before = Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
    const std::string newest = before["checkpoint_directory"];
    damages[i](newest);
    EXPECT_EQ(cluster_->Banyan({"checkpoints", job}).exit_code, 7);
    ASSERT_EQ(cluster_->Banyan({"resume", job, "--detach"}).exit_code, 0);
    const Json result = cluster_->Result(job);
    ExpectTheAnswer(job, result);
    EXPECT_THAT(EventTypes(result), AllOf(Contains("CHECKPOINT_DAMAGED"), Contains("FALLBACK")));
    const std::string described = cluster_->Banyan({"describe", job}).out;
    EXPECT_THAT(described, HasSubstr(newest)) << "which file";
  }
}

TEST_F(DiskTest, OneThatCannotBeWrittenIsSaidAndTheNextIs) {
  const std::string job = Submit();
  // Where its directory would be.
  const std::string in_the_way = JobFolder(job) + "/step-000000000150-term-1.partial";
  WriteFile(in_the_way, "");
  const Json result = cluster_->Result(job);
  ExpectTheAnswer(job, result);
  EXPECT_THAT(EventTypes(result), Contains("CHECKPOINT_FAILED"));
  EXPECT_THAT(cluster_->Banyan({"describe", job}).out, HasSubstr("step-000000000150-term-1.partial"));
  std::vector<uint64_t> steps;
  for (const Json& entry : Json::parse(cluster_->Banyan({"checkpoints", job, "-o", "json"}).out)) {
    steps.push_back(entry["step"]);
  }
  EXPECT_THAT(steps, AllOf(Not(Contains(150)), Contains(165), Contains(200)));
}

TEST_F(DiskTest, ADamagedStoreIsRefusedAndNamed) {
  LocalCluster cluster(MakeFolder("damaged-store"));
  WriteFile(cluster.folder() + "/job.yaml", Job());
  cluster.Up(/*workers=*/1, /*servers=*/2);
  cluster.Result(cluster.Submit(cluster.folder() + "/job.yaml"));
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
  EXPECT_EQ(Answer(cluster.Result("j2")), answer_);
}

}  // namespace
}  // namespace banyan::testing
