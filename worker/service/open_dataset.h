#ifndef BANYAN_WORKER_SERVICE_OPEN_DATASET_H_
#define BANYAN_WORKER_SERVICE_OPEN_DATASET_H_

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
}  // namespace banyan

namespace banyan::worker {

// The data that a recipe names, indexed where that is needed (the index is kept in `state_directory`). Errors are in
// words for who wrote the job.
absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::Recipe& recipe, FileSystem& files, const Roots& roots,
                                                     const std::string& state_directory);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_OPEN_DATASET_H_
