#include "worker/data/table_dataset.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/digest/sha256.h"
#include "worker/data/csv_numbers.h"

namespace banyan::worker {

absl::StatusOr<std::unique_ptr<TableDataset>> TableDataset::Open(const DataFile& file, const Options& options) {
  Sha256 hash;
  CsvNumbers numbers(file.name(), size_t{options.targets} + 1);
  RETURN_IF_ERROR(file.Visit([&](std::span<const std::byte> block) {
    hash.Update(block);
    return numbers.Add(AsText(block));
  }));
  RETURN_IF_ERROR(numbers.Finish());
  const DataSplit split = SplitHeldOut(numbers.rows(), options.held_out);
  if (options.held_out > 0 && split.held_out == 0) {
    return absl::InvalidArgumentError(absl::StrCat("data file '", file.name(), "' has ", numbers.rows(),
                                                   " row, expected at least 2 to hold some out"));
  }
  const std::string recipe = absl::StrCat("table sha256=", hash.FinishHex(), " targets=", options.targets,
                                          " training=", split.training, " held_out=", split.held_out, "\n");
  DataFacts facts{.hash = Sha256Hex(recipe),
                  .samples = split.training,
                  .held_out_samples = split.held_out,
                  .features = static_cast<uint32_t>(numbers.columns() - options.targets),
                  .targets = options.targets};
  return std::unique_ptr<TableDataset>(new TableDataset(std::move(facts), std::move(numbers).TakeValues(), split));
}

void TableDataset::Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const {
  CHECK_LT(sample, part == DataPart::kTraining ? split_.training : split_.held_out);
  CHECK_EQ(input.size(), input_bytes());
  CHECK_EQ(target.size(), target_bytes());
  const uint64_t row = (part == DataPart::kTraining ? 0 : split_.training) + sample;
  const float* values = values_.data() + row * (facts().features + facts().targets);
  std::memcpy(input.data(), values, input.size());
  std::memcpy(target.data(), values + facts().features, target.size());
}

}  // namespace banyan::worker
