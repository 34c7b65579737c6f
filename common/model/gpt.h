#ifndef BANYAN_COMMON_MODEL_GPT_H_
#define BANYAN_COMMON_MODEL_GPT_H_

#include "absl/status/statusor.h"
#include "common/model/build.h"

namespace banyan {

namespace v1 {
class Gpt;
}  // namespace v1

// GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, GELU by tanh, output tied to the token embedding.
// Parameters are named and laid out as in Hugging Face's GPT-2, without the prefix `transformer.`: with or without it,
// GPT2LMHeadModel loads them. Initial weights as there: normal(0.02), the projections back into the residual stream
// normal(0.02 / sqrt(2 * layers)), biases 0, norms 1.
//
// Layers of block i are called `h.i.ln_1`, `h.i.attn.c_attn`, `h.i.attn`, `h.i.attn.c_proj`, `h.i.attn.resid_dropout`,
// `h.i.attn.add`, `h.i.ln_2`, `h.i.mlp.c_fc`, `h.i.mlp.c_proj`, `h.i.mlp.dropout`, `h.i.mlp.add`; around them stand
// `embedding`, `drop`, `ln_f`, `lm_head`, `loss`. A dropout of rate 0 is no layer.
absl::StatusOr<Graph> BuildGpt(const v1::Gpt& gpt, const DataFacts& data);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_GPT_H_
