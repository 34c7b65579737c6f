// libFuzzer's entry for the coordinator's stored jobs.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "coordinator/store/record_codec.h"

namespace banyan::fuzz {

std::vector<std::string> Seeds() {
  coordinator::JobRecord record;
  record.id = "a1";
  record.number = 3;
  record.job.set_name("gpt");
  record.leaf_plan = {5, 2, 1};
  record.state = JobState::kRecovering;
  record.reason = "worker-1 was lost";
  record.data = DataFacts{.hash = "h", .samples = 10, .vocabulary = 256};
  record.term = 4;
  record.restore = {.step = 200, .directory = "d"};
  record.map = {.epoch = 2, .servers = {{.id = ServerId(7), .endpoint = "h:1"}}, .owners = {{.primary = 0}}};
  record.counters["leaves_computed"] = 9;
  record.assignment = Assignment{.version = 2, .shares = {{.worker = WorkerId(1), .nodes = {{1, 0}}}}};
  return {coordinator::EncodeRecord(record)};
}

}  // namespace banyan::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace banyan::coordinator;
  const auto record = DecodeRecord(std::string(reinterpret_cast<const char*>(data), size));
  if (record.ok()) CHECK(DecodeRecord(EncodeRecord(*record)).ok());
  return 0;
}
