#ifndef BANYAN_WORKER_DATA_CSV_NUMBERS_H_
#define BANYAN_WORKER_DATA_CSV_NUMBERS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace banyan::worker {

// Parses a CSV file of numbers given in blocks, cut anywhere. The language and the errors: table_dataset.h. Safe on any
// bytes. Thread-compatible.
class CsvNumbers {
 public:
  // `name` of the file stands in front of errors. A line needs at least `min_columns` fields.
  CsvNumbers(std::string name, size_t min_columns) : name_(std::move(name)), min_columns_(min_columns) {}

  // INVALID_ARGUMENT; the object is then spent.
  absl::Status Add(std::string_view block);
  // After the last block.
  absl::Status Finish();

  size_t columns() const { return columns_; }
  uint64_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::vector<float> TakeValues() && { return std::move(values_); }  // [rows, columns]

 private:
  struct Field {
    std::string_view text;
    size_t column;
  };

  absl::Status Line(std::string_view line);
  absl::Status FirstLine();
  absl::Status Row();
  void Split(std::string_view line);
  absl::Status Error(size_t line, size_t column, std::string_view what) const;

  const std::string name_;
  const size_t min_columns_;
  std::string rest_;            // of a line whose end has not come
  std::vector<Field> fields_;   // of the current line
  size_t line_ = 0;             // number of the current line, from 1
  size_t empty_line_ = 0;       // the first of the empty lines just before it; 0: none
  bool header_ = false;         // whether the current line is one
  size_t columns_ = 0;
  std::vector<float> values_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_CSV_NUMBERS_H_
