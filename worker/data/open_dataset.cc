#include "worker/data/open_dataset.h"

#include "common/base/status.h"
#include "proto/job.pb.h"
#include "worker/data/synthetic_regression.h"
#include "worker/data/table_dataset.h"
#include "worker/data/text_dataset.h"

namespace banyan::worker {

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::Recipe& recipe, FileSystem& files, const Roots& roots,
                                                     const std::string& state_directory) {
  const v1::Data& data = recipe.data();
  switch (data.kind_case()) {
    case v1::Data::kText: {
      if (!recipe.model().has_gpt()) {
        return absl::InvalidArgumentError("recipe.data.text: the model takes no tokens, expected recipe.model.gpt");
      }
      ASSIGN_OR_RETURN(const std::string path, roots.Resolve(files, data.text().path()));
      ASSIGN_OR_RETURN(auto text, TextDataset::Open(files, {.path = path,
                                                            .name = data.text().path(),
                                                            .state_directory = state_directory,
                                                            .context = recipe.model().gpt().context(),
                                                            .held_out = data.text().held_out()}));
      return text;
    }
    case v1::Data::kTable: {
      ASSIGN_OR_RETURN(const std::string path, roots.Resolve(files, data.table().path()));
      ASSIGN_OR_RETURN(auto table, TableDataset::Open({.path = path,
                                                       .name = data.table().path(),
                                                       .targets = data.table().targets(),
                                                       .held_out = data.table().held_out()}));
      return table;
    }
    case v1::Data::kSyntheticRegression: {
      const v1::SyntheticRegression& made = data.synthetic_regression();
      return std::make_unique<SyntheticRegression>(SyntheticRegression::Options{.seed = recipe.seed(),
                                                                                .features = made.features(),
                                                                                .targets = made.targets(),
                                                                                .samples = made.samples(),
                                                                                .noise = made.noise(),
                                                                                .held_out = made.held_out()});
    }
    case v1::Data::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("recipe.data: expected text, table or synthetic_regression");
}

}  // namespace banyan::worker
