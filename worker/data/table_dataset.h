#ifndef BANYAN_WORKER_DATA_TABLE_DATASET_H_
#define BANYAN_WORKER_DATA_TABLE_DATASET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/held_out.h"
#include "worker/data/dataset.h"

namespace banyan::worker {

// Numbers of a CSV file, in memory: one sample a line, the same count of numbers on each, the last `targets` of them the
// target. A first line none of whose fields is a number is a header. The held-out part is the last rows.
class TableDataset final : public Dataset {
 public:
  struct Options {
    std::string path;
    std::string name;      // what the user calls it, for errors
    uint32_t targets = 1;
    double held_out = 0;   // share of the rows, [0, 1)
  };

  // INVALID_ARGUMENT names the line and the column of what is wrong: `data:a.csv:14:3: 'abc' is not a number`.
  static absl::StatusOr<std::unique_ptr<TableDataset>> Open(const Options& options);
  // The same of text in memory.
  static absl::StatusOr<std::unique_ptr<TableDataset>> Parse(std::string_view text, const Options& options);

  size_t input_bytes() const override { return facts().features * sizeof(float); }
  size_t target_bytes() const override { return facts().targets * sizeof(float); }
  void Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const override;

 private:
  TableDataset(DataFacts facts, std::vector<float> values, DataSplit split)
      : Dataset(std::move(facts)), values_(std::move(values)), split_(split) {}

  const std::vector<float> values_;  // [row, features + targets]
  const DataSplit split_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_TABLE_DATASET_H_
