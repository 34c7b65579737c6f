#include "cli/report/result.h"

#include "common/checkpoint/checkpoint_fixture.h"
#include "common/checkpoint/hashes.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

using Json = nlohmann::ordered_json;

class ResultTest : public testing::Test {
 protected:
  ResultTest() {
    const CheckpointName name{.term = 2, .step = 200};
    EXPECT_TRUE(CreateDirectories(files_, fixture::kJob).ok());
    EXPECT_TRUE(fixture::WriteAndPublish(files_, fixture::SmallLayout(), fixture::kJob, name).ok());
    job_.set_checkpoint_directory(JoinPath(fixture::kJob, name.Directory()));
    job_.mutable_summary()->set_id("j1");
    job_.mutable_summary()->set_name("linear");
    job_.mutable_summary()->set_state(v1::SUCCEEDED);
    job_.mutable_summary()->set_step(200);
    job_.mutable_resolved()->set_fingerprint("f0");
    job_.mutable_resolved()->mutable_data()->set_hash("d0");
    job_.mutable_resolved()->set_device_kind("cpu:avx512_core:onednn-2.6.3:kernels-1");
    v1::Recipe& recipe = *job_.mutable_resolved()->mutable_job()->mutable_recipe();
    recipe.mutable_batch()->set_samples(16);
    recipe.mutable_data()->mutable_text();
    job_.set_tokens_per_sample(64);
    job_.set_train_seconds(2);
    job_.set_chunk_bytes(65536);
    job_.mutable_last_line()->set_loss_sum(3072);
    job_.mutable_last_line()->set_weight(1024);
    job_.mutable_last_evaluation()->set_loss_sum(0.5);
    job_.mutable_last_evaluation()->set_weight(2.5);
    for (const uint64_t id : {7, 4}) {
      v1::Assignment::Share& share = *job_.mutable_assignment()->add_shares();
      share.set_worker(id);
      share.add_nodes()->set_index(static_cast<uint32_t>(id));
    }
    v1::Process& server = *job_.add_processes();
    server.set_role(v1::SERVER);
    server.set_build("0.1.0+abc");
    (*job_.mutable_counters())["leaves_computed"] = 800;
    (*job_.mutable_peak_rss_bytes())["worker-0"] = 5;
    v1::Event& event = *job_.add_events();
    event.set_time(1.5);
    event.set_step(137);
    event.set_type("WORKER_LOST");
    event.set_who("worker-1");
  }

  SimulatedDisk files_;
  v1::JobDescription job_;
};

TEST_F(ResultTest, SaysAllThatTheSchemaHas) {
  const Json result = Json::parse(MakeResult(files_, job_).value());
  std::vector<std::string> keys;
  for (const auto& [key, value] : result.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{
                      "schema", "job", "state", "exit_code", "step", "state_hash", "weights_hash", "train", "held_out",
                      "checkpoint", "layout", "train_seconds", "tokens_per_second", "peak_rss_bytes", "counters",
                      "events", "build"}));
  EXPECT_EQ(result["train"].dump(), R"({"loss":3.0,"loss_sum":"0x1.8p+11","weight":1024})");
  EXPECT_EQ(result["held_out"].dump(), R"({"loss":0.2,"loss_sum":"0x1p-1","weight":2.5,"unit":"nats/byte"})");
  EXPECT_EQ(result["checkpoint"].dump(), R"({"path":"/job/step-000000000200-term-2","step":200})");
  EXPECT_EQ(result["layout"].dump(),
            R"({"workers":2,"servers":1,"chunk_bytes":65536,"leaf_plan":[{"worker":0,"nodes":[[0,4]]},)"
            R"({"worker":1,"nodes":[[0,7]]}]})");
  EXPECT_EQ(result["tokens_per_second"], 102400);
  EXPECT_EQ(result["counters"]["leaves_computed"], 800);
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
  EXPECT_EQ(result["events"].dump(),
            R"([{"time":"1970-01-01T00:00:01.5+00:00","step":137,"type":"WORKER_LOST","who":"worker-1"}])");
  EXPECT_EQ(result["build"].dump(), R"({"version":"0.1.0","commit":"abc","isa":"avx512_core","onednn":"2.6.3"})");
}

TEST_F(ResultTest, HasTheCheckpointsHashes) {
  const CheckpointReader reader = CheckpointReader::Open(files_, job_.checkpoint_directory()).value();
  const CheckpointHashes hashes = ComputeHashes(reader).value();
  const Json result = Json::parse(MakeResult(files_, job_).value());
  EXPECT_EQ(result["state_hash"], hashes.state);
  EXPECT_EQ(result["weights_hash"], hashes.weights);
  EXPECT_NE(hashes.state, hashes.weights);
}

TEST_F(ResultTest, IsKeptInTheJobsFolder) {
  const std::string line = MakeResult(files_, job_).value();
  EXPECT_EQ(ReadFile(files_, "/job/result.json", 1 << 20).value(), line + "\n");
}

TEST_F(ResultTest, OfAJobThatGoesOnIsNotKept) {
  job_.mutable_summary()->set_state(v1::RUNNING);
  const Json result = Json::parse(MakeResult(files_, job_).value());
  EXPECT_EQ(result["state_hash"], "");
  EXPECT_EQ(result["checkpoint"], nullptr);
  EXPECT_FALSE(Exists(files_, "/job/result.json").value());
}

TEST_F(ResultTest, ExitCodesFollowTheState) {
  job_.mutable_summary()->set_state(v1::FAILED);
  EXPECT_EQ(Json::parse(ResultLine(files_, job_).value())["exit_code"], 1);
  job_.mutable_summary()->set_state(v1::STOPPED);
  EXPECT_EQ(Json::parse(ResultLine(files_, job_).value())["exit_code"], 8);
}

TEST_F(ResultTest, ADamagedCheckpointIsNoResult) {
  const auto file = files_.Open(job_.checkpoint_directory() + "/model.safetensors", OpenMode::kReadWrite).value();
  std::byte last;
  const uint64_t offset = file->Size().value() - 1;
  ASSERT_TRUE(file->ReadAt(offset, {&last, 1}).ok());
  last ^= std::byte{1};
  ASSERT_TRUE(file->WriteAt(offset, {&last, 1}).ok());
  EXPECT_EQ(MakeResult(files_, job_).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace banyan::cli
