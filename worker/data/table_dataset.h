#ifndef BANYAN_WORKER_DATA_TABLE_DATASET_H_
#define BANYAN_WORKER_DATA_TABLE_DATASET_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/held_out.h"
#include "worker/data/data_file.h"
#include "worker/data/dataset.h"

namespace banyan::worker {

// Numbers of a CSV file, in memory: one sample a line, the same count of fields on each, the last `targets` of them the
// target. Fields stand between commas, without quotes; blanks around them, \r\n, empty lines at the end and a UTF-8
// byte order mark do not count. A number is a decimal one, rounded to fp32. A first line in which every field has text
// and none reads as a number is a header. The held-out part is the last rows.
//
// facts().hash is SHA-256 of the line, ended by a newline,
//   table sha256=<of the file> targets=N training=<rows> held_out=<rows>
class TableDataset final : public Dataset {
 public:
  struct Options {
    uint32_t targets = 1;
    double held_out = 0;  // share of the rows, [0, 1)
  };

  // INVALID_ARGUMENT names line and column (in bytes, from 1) of what is wrong and says what was expected:
  // `data:a.csv:14:3: 'abc', expected a finite number`. Infinities, NaN and numbers too large for fp32 are wrong.
  static absl::StatusOr<std::unique_ptr<TableDataset>> Open(const DataFile& file, const Options& options);

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
