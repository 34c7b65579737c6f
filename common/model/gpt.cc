#include "common/model/gpt.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/model/graph_builder.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr double kStddev = 0.02;

struct Sizes {
  int64_t layers;
  int64_t heads;
  int64_t width;
  int64_t context;
  int64_t vocabulary;
  double dropout;
};

absl::StatusOr<Sizes> ReadSizes(const v1::Gpt& gpt, const DataFacts& data) {
  if (data.vocabulary == 0) {
    return absl::InvalidArgumentError("recipe.model.gpt: gpt reads text, the data has none; use recipe.data.text");
  }
  CHECK(gpt.has_dropout());  // defaults are filled in
  const Sizes sizes{.layers = gpt.layers(),
                    .heads = gpt.heads(),
                    .width = gpt.width(),
                    .context = gpt.context(),
                    .vocabulary = gpt.has_vocabulary() ? gpt.vocabulary() : static_cast<int64_t>(data.vocabulary),
                    .dropout = gpt.dropout()};
  if (sizes.heads < 1 || sizes.width % sizes.heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("recipe.model.gpt.heads: ", sizes.heads, " does not divide width ", sizes.width));
  }
  if (sizes.vocabulary < static_cast<int64_t>(data.vocabulary)) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.model.gpt.vocabulary: ", sizes.vocabulary,
                                                   ", the data's tokenizer needs at least ", data.vocabulary));
  }
  return sizes;
}

class GptBuilder {
 public:
  explicit GptBuilder(const Sizes& sizes)
      : sizes_(sizes),
        residual_stddev_(kStddev / std::sqrt(2.0 * static_cast<double>(sizes.layers))),
        builder_({.name = "tokens", .element = ElementKind::kIndex, .shape = {sizes.context}},
                 {.name = "targets", .element = ElementKind::kIndex, .shape = {sizes.context}}) {}

  absl::StatusOr<Graph> Build() && {
    const NormalInitializer normal{kStddev};
    const EmbeddingAttributes tables{.vocabulary = sizes_.vocabulary, .width = sizes_.width};
    ASSIGN_OR_RETURN(TensorId x, builder_.Add("embedding", tables, {builder_.input()},
                                              {{"wte.weight", normal}, {"wpe.weight", normal}}));
    ASSIGN_OR_RETURN(x, Dropout("drop", x));
    for (int64_t i = 0; i < sizes_.layers; ++i) {
      const std::string block = absl::StrCat("h.", i);
      ASSIGN_OR_RETURN(x, Attention(block, x));
      ASSIGN_OR_RETURN(x, Mlp(block, x));
    }
    ASSIGN_OR_RETURN(x, Norm("ln_f", x));
    // The output layer is the token table once more, [vocabulary, width] = [out, in].
    const LinearAttributes head{.units = sizes_.vocabulary, .bias = false};
    ASSIGN_OR_RETURN(x, builder_.Add("lm_head", head, {x}, {{"wte.weight", {}}}));
    return std::move(builder_).Finish("loss", CrossEntropyAttributes(), x);
  }

 private:
  absl::StatusOr<TensorId> Attention(const std::string& block, TensorId input) {
    const std::string attn = block + ".attn";
    ASSIGN_OR_RETURN(TensorId x, Norm(block + ".ln_1", input));
    ASSIGN_OR_RETURN(x, Conv1D(attn + ".c_attn", x, 3 * sizes_.width, kStddev));
    ASSIGN_OR_RETURN(x, builder_.Add(attn, CausalSelfAttentionAttributes{.heads = sizes_.heads,
                                                                         .dropout = sizes_.dropout}, {x}));
    ASSIGN_OR_RETURN(x, Conv1D(attn + ".c_proj", x, sizes_.width, residual_stddev_));
    ASSIGN_OR_RETURN(x, Dropout(attn + ".resid_dropout", x));
    return builder_.Add(attn + ".add", AddAttributes(), {input, x});
  }

  absl::StatusOr<TensorId> Mlp(const std::string& block, TensorId input) {
    const std::string mlp = block + ".mlp";
    ASSIGN_OR_RETURN(TensorId x, Norm(block + ".ln_2", input));
    ASSIGN_OR_RETURN(x, Conv1D(mlp + ".c_fc", x, 4 * sizes_.width, kStddev, Activation::kGeluTanh));
    ASSIGN_OR_RETURN(x, Conv1D(mlp + ".c_proj", x, sizes_.width, residual_stddev_));
    ASSIGN_OR_RETURN(x, Dropout(mlp + ".dropout", x));
    return builder_.Add(mlp + ".add", AddAttributes(), {input, x});
  }

  // GPT-2's name for a linear layer with weight [in, out].
  absl::StatusOr<TensorId> Conv1D(const std::string& name, TensorId x, int64_t units, double stddev,
                                  Activation activation = Activation::kNone) {
    const LinearAttributes linear{
        .units = units, .bias = true, .weight_layout = WeightLayout::kInOut, .activation = activation};
    return builder_.Add(name, linear, {x},
                        {{name + ".weight", NormalInitializer{stddev}}, {name + ".bias", ConstantInitializer{0}}});
  }

  absl::StatusOr<TensorId> Norm(const std::string& name, TensorId x) {
    return builder_.Add(name, LayerNormAttributes{.epsilon = kEpsilon}, {x});
  }

  absl::StatusOr<TensorId> Dropout(const std::string& name, TensorId x) {
    if (sizes_.dropout == 0) return x;
    return builder_.Add(name, DropoutAttributes{.rate = sizes_.dropout}, {x});
  }

  const Sizes sizes_;
  const double residual_stddev_;
  GraphBuilder builder_;
};

}  // namespace

absl::StatusOr<Graph> BuildGpt(const v1::Gpt& gpt, const DataFacts& data) {
  ASSIGN_OR_RETURN(const Sizes sizes, ReadSizes(gpt, data));
  absl::StatusOr<Graph> graph = GptBuilder(sizes).Build();
  if (!graph.ok()) return Annotate(graph.status(), "recipe.model.gpt");
  return graph;
}

}  // namespace banyan
