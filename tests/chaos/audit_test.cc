// A worker that computes wrong now and then: it is found, by name, before the job is over.

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/hand_cluster.h"
#include "tests/support/jobs.h"
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
    wrong_ = folder + "/wrong";
    cluster_ = std::make_unique<HandCluster>(
        folder, Process::Options{.environment = {
                                     "LD_PRELOAD=" + std::filesystem::canonical("tests/support/libwrong_products.so").string(),
                                     "ASAN_OPTIONS=verify_asan_link_order=0", "WRONG_PRODUCTS_OF=worker-1",
                                     "WRONG_PRODUCTS_WHILE=" + wrong_}});
    WriteFile(folder + "/text", SomeText());
    WriteFile(folder + "/linear.yaml", LinearJob(200, kRun));
    WriteFile(folder + "/gpt.yaml", GptJob(200, kRun));
    for (const char* name : {"server-0", "worker-0", "worker-1"}) cluster_->Start(name);
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  void TearDown() override { std::filesystem::remove(wrong_); }

  static std::string Submit(double audit) {
    const CommandResult result =
        cluster_->Banyan({"submit", absl::StrCat(cluster_->folder(), "/", GetParam(), ".yaml"), "--detach", "--set",
                          absl::StrCat("run.audit=", audit)});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.LastLine();
  }

  static inline std::string wrong_;
  static inline std::unique_ptr<HandCluster> cluster_;
};

TEST_P(AuditTest, FindsWhoComputesWrong) {
  const std::string job = Submit(0.1);
  const auto lines = cluster_->Begin({"metrics", job, "-f", "-o", "jsonl"});
  ASSERT_TRUE(lines->AwaitOut("{\"step\":20,"));
  WriteFile(wrong_, "");
  const CommandResult end = cluster_->Banyan({"wait", job, "--timeout", "200s", "-o", "json"});
  EXPECT_EQ(end.exit_code, 1) << end.err;
  const Json result = Json::parse(end.LastLine());
  EXPECT_EQ(result["state"], "FAILED");
  EXPECT_GT(result["step"], 19) << "it was well before";
  EXPECT_THAT(EventTypes(result), Contains("AUDIT_DIFFERS"));
  // Leaf, step, and both workers with their hosts.
  EXPECT_THAT(cluster_->Banyan({"describe", job}).out,
              ContainsRegex("audit: leaf [0-9]+ of step [0-9]+ was computed by worker-[01] on [^ ]+ and by "
                            "worker-[01] on [^ ,]+, and differs in "));
}

// And changes no bit: without it a worker that computes wrong is found by the hash alone.
TEST_P(AuditTest, ChangesNoAnswer) {
  const std::string well = Answer(cluster_->Result(Submit(0)));
  const Json audited = cluster_->Result(Submit(0.1));
  EXPECT_EQ(Answer(audited), well);
  EXPECT_GT(audited["counters"].value("audits_compared", 0), 0);
  EXPECT_THAT(EventTypes(audited), Not(Contains("AUDIT_DIFFERS")));
  WriteFile(wrong_, "");
  EXPECT_NE(Answer(cluster_->Result(Submit(0))), well);
}

INSTANTIATE_TEST_SUITE_P(Jobs, AuditTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
