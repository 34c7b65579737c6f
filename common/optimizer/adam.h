#ifndef BANYAN_COMMON_OPTIMIZER_ADAM_H_
#define BANYAN_COMMON_OPTIMIZER_ADAM_H_

#include <memory>

#include "common/optimizer/update_rule.h"

namespace banyan {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

// Adam with bias correction (Kingma and Ba 2015), as torch.optim.Adam. Slots: exp_avg (m), exp_avg_sq (v).
//
//   g += weight_decay * w
//   m += (1 - beta1) * (g - m);  v = beta2 * v + (1 - beta2) * g^2
//   w -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
std::unique_ptr<const UpdateRule> MakeAdam(const AdamOptions& options);

// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW: the gradient is left alone and
// w *= 1 - lr * weight_decay comes first.
std::unique_ptr<const UpdateRule> MakeAdamW(const AdamOptions& options);

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_ADAM_H_
