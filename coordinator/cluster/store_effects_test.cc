#include "coordinator/cluster/store_effects.h"

#include <string>
#include <vector>

#include "common/base/status.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

// Fails as often as it is told, in order of its calls.
class FullStore final : public DecisionStore {
 public:
  absl::Status Begin() override {
    open.clear();
    return Next();
  }
  absl::Status Commit() override {
    absl::Status status = Next();
    if (status.ok()) durable.insert(durable.end(), open.begin(), open.end());
    return status;
  }
  void Rollback() override { open.clear(); }
  absl::StatusOr<uint64_t> NextCoordinatorTerm() override { return 1; }
  absl::Status WriteProcess(const ProcessId& process) override { return Write(process.name); }
  absl::StatusOr<std::vector<ProcessId>> Processes() override { return std::vector<ProcessId>(); }
  absl::Status WriteJob(const JobRecord& record) override { return Write(record.id + record.reason); }
  absl::StatusOr<std::vector<JobRecord>> Jobs() override { return std::vector<JobRecord>(); }
  absl::Status WriteLine(const std::string& job, const TimedLine&) override { return Write(job); }
  absl::StatusOr<std::optional<TimedLine>> Line(const std::string&, Step) override { return std::nullopt; }
  absl::Status CopyLines(const std::string& from, const std::string& to, Step) override { return Write(from + to); }
  absl::StatusOr<Step> LinesThrough(const std::string&) override { return 0; }
  absl::Status WriteEvaluation(const std::string& job, const EvaluationLine&) override { return Write(job); }
  absl::StatusOr<std::optional<EvaluationLine>> Evaluation(const std::string&, Step) override { return std::nullopt; }
  absl::StatusOr<uint64_t> WriteEvent(const std::string&, const JobEvent& event) override {
    RETURN_IF_ERROR(Write(event.type));
    return 1;
  }

  absl::Status failure;
  int fails_at = 0;  // the call that fails, from 1; 0: none
  std::vector<std::string> durable;
  std::vector<std::string> open;

 private:
  absl::Status Next() { return --fails_at == 0 ? failure : absl::OkStatus(); }
  absl::Status Write(const std::string& what) {
    absl::Status status = Next();
    if (status.ok()) open.push_back(what);
    return status;
  }
};

const std::vector<std::string> kAll = {"j1why", "server-0", "TERM", "j1"};

void WriteAll(StoreEffects& effects) {
  JobRecord record = {.id = "j1", .reason = "why"};
  effects.Persist(record);
  record.reason = "changed since";
  effects.WriteProcess(Role::kServer, "server-0", 3);
  effects.WriteEvent("j1", {.type = "TERM"});
  effects.WriteLine("j1", {.step = 1}, absl::UnixEpoch());
}

TEST(StoreEffectsTest, AFullDiskCostsNoWriteAndRepeatsNone) {
  for (int call = 1; call <= 6; ++call) {  // Begin, four writes, Commit
    FullStore store;
    StoreEffects effects(store, {});
    store.failure = absl::ResourceExhaustedError("full");
    store.fails_at = call;
    WriteAll(effects);
    bool wrote = false;
    absl::Status status = effects.Commit(&wrote);
    EXPECT_TRUE(wrote);
    if (call == 6) {
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      EXPECT_TRUE(store.durable.empty());
      status = effects.Commit(nullptr);
    }
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(store.durable, kAll) << "call " << call;
    EXPECT_TRUE(effects.Commit(&wrote).ok());
    EXPECT_FALSE(wrote);
  }
}

TEST(StoreEffectsTest, AnyOtherFailureStays) {
  FullStore store;
  StoreEffects effects(store, {});
  store.failure = absl::DataLossError("damaged");
  store.fails_at = 3;
  WriteAll(effects);
  EXPECT_TRUE(absl::IsDataLoss(effects.Commit(nullptr)));
  effects.WriteEvent("j1", {.type = "TERM"});
  EXPECT_TRUE(absl::IsDataLoss(effects.Commit(nullptr)));
  EXPECT_TRUE(store.durable.empty());
}

}  // namespace
}  // namespace banyan::coordinator
