// libFuzzer's entry for what sessions with the coordinator carry: orders and reports, as protobuf messages on the wire.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/rpc/session_codec.h"

namespace banyan {
namespace {

constexpr uint32_t kLeaves = 9;

}  // namespace

namespace fuzz {

// The first byte says which message follows.
std::vector<std::string> Seeds() {
  LeafSet missing(kLeaves);
  missing.Add(8);
  JobReport report = {.term = 1, .epoch = 2, .assignment_version = 3, .ready = true, .failure = "no"};
  report.open.push_back({.step = 5, .missing = missing});
  report.parts.push_back({.term = 1, .step = 4, .ranges = {{.file = "f", .offset = 1, .size = 2, .checksum = 3}}});
  report.entries.push_back({.term = 1, .step = 4, .chunk = ChunkId(7)});
  report.waits.push_back({.what = "leaves", .parties = {6}, .detail = "leaf 8", .since = 0.5});
  report.data = DataFacts{.hash = "h", .samples = 100, .held_out_samples = 5, .vocabulary = 256};
  report.counters["leaves_computed"] = 11;
  JobOrder order = {.coordinator_term = 4,
                    .term = 2,
                    .restore = RestorePoint{.step = 10, .directory = "d"},
                    .checkpoint_step = 12,
                    .checkpoint_directory = "c",
                    .last_step = 12,
                    .ledger_through = 9,
                    .state = JobState::kStopping};
  order.assignment = Assignment{.version = 3,
                                .from_step = 11,
                                .max_pending = 2,
                                .shares = {{.worker = WorkerId(5), .nodes = {{.level = 1, .index = 0}}}}};
  return {std::string(1, 0) + EncodeJobOrder(order).SerializeAsString(),
          std::string(1, 1) + EncodeJobReport("job", report).SerializeAsString()};
}

}  // namespace fuzz
}  // namespace banyan

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace banyan;
  if (size == 0) return 0;
  const bool is_report = data[0] % 2 == 1;
  v1::JobCommand command;
  v1::JobReport report;
  const int body = static_cast<int>(size - 1);
  if (!is_report && command.ParseFromArray(data + 1, body)) {
    const absl::StatusOr<JobOrder> order = DecodeJobOrder(command, 1);
    if (order.ok()) CHECK(DecodeJobOrder(EncodeJobOrder(*order), 1).ok());
  }
  if (is_report && report.ParseFromArray(data + 1, body)) {
    DecodeJobReport(report, 0).IgnoreError();
    const absl::StatusOr<JobReport> decoded = DecodeJobReport(report, kLeaves);
    if (decoded.ok()) CHECK(DecodeJobReport(EncodeJobReport("job", *decoded), kLeaves).ok());
  }
  return 0;
}
