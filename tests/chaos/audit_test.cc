// A worker that computes wrong now and then: it is found, by name, before the job is over.

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/hand_cluster.h"
#include "tests/support/known_jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kRun[] = R"(  servers: {count: 1, chunk_bytes: 16384}
  workers: {min: 2}
)";

class AuditTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    const std::string folder = MakeFolder("audit");
    const std::string library = std::filesystem::canonical("tests/support/libwrong_products.so");
    wrong_ = folder + "/wrong";
    const Process::Options daemons = {.environment = {"LD_PRELOAD=" + library, "WRONG_PRODUCTS_OF=worker-1",
                                                      "WRONG_PRODUCTS_WHILE=" + wrong_}};
    cluster_ = std::make_unique<HandCluster>(folder, daemons);
    jobs_ = std::make_unique<KnownJobs>(*cluster_, /*steps=*/200, kRun, /*seed=*/20261129);
    for (const char* name : {"server-0", "worker-0", "worker-1"}) cluster_->Start(name);
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
  }
  void TearDown() override { std::filesystem::remove(wrong_); }

  static KnownJobs::Job Begin(const char* audit) {
    return jobs_->Begin(GetParam(), 5, 60, {"--set", absl::StrCat("run.audit=", audit)});
  }

  static inline std::string wrong_;
  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
};

TEST_P(AuditTest, FindsWhoComputesWrong) {
  const KnownJobs::Job job = Begin("0.1");
  WriteFile(wrong_, "");
  const CommandResult end = cluster_->Banyan({"wait", job.id, "--timeout", "200s", "-o", "json"});
  EXPECT_EQ(end.exit_code, 1) << end.err;
  const Json result = Json::parse(end.LastLine());
  EXPECT_EQ(result["state"], "FAILED");
  EXPECT_GE(result["step"], job.step) << "it was well before";
  EXPECT_THAT(EventTypes(result), Contains("AUDIT_DIFFERS"));
  // Leaf, step, and both workers with their hosts.
  EXPECT_THAT(cluster_->Banyan({"describe", job.id}).out,
              ContainsRegex("audit: leaf [0-9]+ of step [0-9]+ was computed by "
                            "(worker-0 on [^ ]+ and by worker-1|worker-1 on [^ ]+ and by worker-0) on [^ ,]+, and "
                            "differs in "));
}

// And changes no bit: without it a worker that computes wrong is found by the hash alone.
TEST_P(AuditTest, ChangesNoAnswer) {
  const Json audited = jobs_->ExpectTheAnswer(Begin("0.1"));
  EXPECT_GT(audited["counters"].value("audits_compared", 0), 0);
  EXPECT_THAT(EventTypes(audited), Not(Contains("AUDIT_DIFFERS")));
  const KnownJobs::Job job = Begin("0");
  WriteFile(wrong_, "");
  EXPECT_NE(Answer(cluster_->Result(job.id)), Answer(audited));
}

INSTANTIATE_TEST_SUITE_P(Jobs, AuditTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
