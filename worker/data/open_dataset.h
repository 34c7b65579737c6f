#ifndef BANYAN_WORKER_DATA_OPEN_DATASET_H_
#define BANYAN_WORKER_DATA_OPEN_DATASET_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"
#include "worker/data/dataset.h"

namespace banyan {

namespace v1 {
class Recipe;
}  // namespace v1

namespace worker {

// Where a worker's machine keeps things.
struct DataPlaces {
  FileSystem& files;
  const Roots& roots;           // where the paths of jobs lead
  std::string index_directory;  // for what is made from data once (`<state>/index`); made when missing
};

// Opens the data of a job, indexing it first where that has not been done. `recipe` has its defaults filled in and its
// fields within the bounds of proto/job.proto; of it, `data`, `seed` and the model's context matter.
// NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT for data that cannot be had or used, naming the path as the job has
// it and its root's directory, or file, line and column.
absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::Recipe& recipe, const DataPlaces& places);

}  // namespace worker
}  // namespace banyan

#endif  // BANYAN_WORKER_DATA_OPEN_DATASET_H_
