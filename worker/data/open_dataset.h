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

// The data that a job's recipe names, indexed if need be. `recipe` has its defaults filled in; its paths are found
// through `roots`; indexes are kept in `state_directory`. INVALID_ARGUMENT names what is wrong with recipe or data.
absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::Recipe& recipe, FileSystem& files, const Roots& roots,
                                                     const std::string& state_directory);

}  // namespace worker
}  // namespace banyan

#endif  // BANYAN_WORKER_DATA_OPEN_DATASET_H_
