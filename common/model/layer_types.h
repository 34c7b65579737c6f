#ifndef BANYAN_COMMON_MODEL_LAYER_TYPES_H_
#define BANYAN_COMMON_MODEL_LAYER_TYPES_H_

#include <cstdint>
#include <variant>

namespace banyan {

// What a layer computes. Shapes are of one sample, row-major; "rows" are all dimensions but the last, and where a
// kernel sees several samples they are rows too. The alternative of LayerAttributes is the layer's type; a new layer is
// a struct here, a case in describe_layer.cc and a kernel in worker/layers.
//
// The lists name inputs -> outputs, and parameters in the order of Layer::parameters.

// Y = X W + b, then the activation.
enum class WeightLayout {
  kInOut,  // weight [in, out], as GPT-2's Conv1D stores it
  kOutIn,  // weight [out, in], as torch.nn.Linear and embeddings store it
};
enum class Activation { kNone, kRelu, kGeluTanh, kTanh, kSigmoid };

// x [..., in] -> y [..., units]. Parameters: weight, then bias [units] if `bias`.
struct LinearAttributes {
  int64_t units = 0;
  bool bias = true;
  WeightLayout weight_layout = WeightLayout::kOutIn;
  Activation activation = Activation::kNone;
};

// tokens [context] (index) -> y [context, width]; y[i] = token[tokens[i]] + position[i].
// Parameters: token [vocabulary, width], position [context, width].
struct EmbeddingAttributes {
  int64_t vocabulary = 0;
  int64_t width = 0;
};

// x [..., width] -> y, same shape; over the last dimension, biased variance. Parameters: weight [width], bias [width].
struct LayerNormAttributes {
  double epsilon = 1e-5;
};

// qkv [context, 3 * width] -> y [context, width]. A row of qkv is q, k, v, each of them `heads` runs of width / heads
// elements. Position i attends to 0..i; scores are scaled by 1 / sqrt(width / heads). `dropout` applies to the result
// of the softmax, element (head, i, j) of a sample counting as (head * context + i) * context + j (see
// DropoutAttributes).
struct CausalSelfAttentionAttributes {
  int64_t heads = 1;
  double dropout = 0;
};

// x -> y, same shape: an element is zero with probability `rate`, else x / (1 - rate). Nothing in evaluation. Random by
// (seed, purpose dropout, step, hash of the layer's name), counted by
// (the sample's index in the step's batch) * (elements of one sample) + (element in the sample).
struct DropoutAttributes {
  double rate = 0;
};

// x -> y, same shape. The activation is not kNone. kGeluTanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
struct ActivationAttributes {
  Activation activation = Activation::kRelu;
};

// a, b -> a + b, all of one shape.
struct AddAttributes {};

// Losses have no output tensor: they give, per leaf, a sum of losses and a sum of weights, both fp64.

// logits [..., classes], targets (index, one a row of the logits). A row's loss is -log softmax(logits)[target], in
// nats, its weight 1: the weight of a text sample is its tokens.
struct CrossEntropyAttributes {};

// prediction, targets, of one shape. A sample's loss is the mean over its elements of (prediction - target)^2, its
// weight 1: as torch.nn.MSELoss over the batch.
struct MeanSquaredErrorAttributes {};

// To come, and where: Convolution and Pool, x [height, width, channels]; Lstm, x [time, features], a parameter list of
// four; BatchNorm, with two more parameters of kind statistic; SparseEmbedding, whose parameter is of kind sparse.
using LayerAttributes =
    std::variant<LinearAttributes, EmbeddingAttributes, LayerNormAttributes, CausalSelfAttentionAttributes,
                 DropoutAttributes, ActivationAttributes, AddAttributes, CrossEntropyAttributes,
                 MeanSquaredErrorAttributes>;

// "linear", "layer_norm", ...: the type's name as in a job file's `layers`.
const char* LayerTypeName(const LayerAttributes& attributes);

bool IsLoss(const LayerAttributes& attributes);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_LAYER_TYPES_H_
