#include "worker/service/open_dataset.h"

#include "common/base/status.h"
#include "proto/job.pb.h"
#include "worker/data/synthetic_regression.h"
#include "worker/data/table_dataset.h"
#include "worker/data/text_dataset.h"

namespace banyan::worker {

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::Recipe& recipe, FileSystem& files, const Roots& roots,
                                                     const std::string& state_directory) {
  switch (recipe.data().kind_case()) {
    case v1::Data::kText: {
      const v1::TextData& text = recipe.data().text();
      if (!recipe.model().has_gpt()) {
        return absl::InvalidArgumentError("recipe.data.text: only recipe.model.gpt reads text");
      }
      absl::StatusOr<std::string> path = roots.Resolve(files, text.path());
      if (!path.ok()) return Annotate(path.status(), "recipe.data.text.path");
      return TextDataset::Open(files, {.path = *path,
                                       .name = text.path(),
                                       .state_directory = state_directory,
                                       .context = recipe.model().gpt().context(),
                                       .held_out = text.held_out()});
    }
    case v1::Data::kTable: {
      const v1::TableData& table = recipe.data().table();
      absl::StatusOr<std::string> path = roots.Resolve(files, table.path());
      if (!path.ok()) return Annotate(path.status(), "recipe.data.table.path");
      return TableDataset::Open(
          {.path = *path, .name = table.path(), .targets = table.targets(), .held_out = table.held_out()});
    }
    case v1::Data::kSyntheticRegression: {
      const v1::SyntheticRegression& data = recipe.data().synthetic_regression();
      return std::make_unique<SyntheticRegression>(SyntheticRegression::Options{.seed = recipe.seed(),
                                                                                .features = data.features(),
                                                                                .targets = data.targets(),
                                                                                .samples = data.samples(),
                                                                                .noise = data.noise(),
                                                                                .held_out = data.held_out()});
    }
    case v1::Data::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("recipe.data: absent");
}

}  // namespace banyan::worker
