#include "worker/data/open_dataset.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "proto/job.pb.h"
#include "worker/data/data_file.h"
#include "worker/data/synthetic_regression.h"
#include "worker/data/table_dataset.h"
#include "worker/data/text_dataset.h"

namespace banyan::worker {
namespace {

absl::StatusOr<std::unique_ptr<Dataset>> OpenText(const v1::Recipe& recipe, const DataPlaces& places) {
  if (!recipe.model().has_gpt()) {
    return absl::InvalidArgumentError("recipe.data.text: the model reads numbers, not tokens; use gpt, or a table");
  }
  const v1::TextData& text = recipe.data().text();
  if (text.tokenizer() != v1::BYTES) {
    return absl::InvalidArgumentError("recipe.data.text.tokenizer: unknown, expected bytes");
  }
  ASSIGN_OR_RETURN(const DataFile file, DataFile::Open(places.files, places.roots, text.path()));
  return TextDataset::Open(places.files, file,
                           {.index_directory = places.index_directory,
                            .context = recipe.model().gpt().context(),
                            .held_out = text.held_out()});
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenTable(const v1::TableData& table, const DataPlaces& places) {
  ASSIGN_OR_RETURN(const DataFile file, DataFile::Open(places.files, places.roots, table.path()));
  return TableDataset::Open(file, {.targets = table.targets(), .held_out = table.held_out()});
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenSynthetic(const v1::Recipe& recipe) {
  const v1::SyntheticRegression& data = recipe.data().synthetic_regression();
  return SyntheticRegression::Make({.seed = recipe.seed(),
                                    .features = data.features(),
                                    .targets = data.targets(),
                                    .samples = data.samples(),
                                    .noise = data.noise(),
                                    .held_out = data.held_out()});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const v1::Recipe& recipe, const DataPlaces& places) {
  switch (recipe.data().kind_case()) {
    case v1::Data::kText: return OpenText(recipe, places);
    case v1::Data::kTable: return OpenTable(recipe.data().table(), places);
    case v1::Data::kSyntheticRegression: return OpenSynthetic(recipe);
    case v1::Data::KIND_NOT_SET: break;
  }
  return absl::InvalidArgumentError("recipe.data: absent, expected one of text, table, synthetic_regression");
}

}  // namespace banyan::worker
