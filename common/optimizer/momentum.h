#ifndef BANYAN_COMMON_OPTIMIZER_MOMENTUM_H_
#define BANYAN_COMMON_OPTIMIZER_MOMENTUM_H_

#include <memory>

#include "common/optimizer/update_rule.h"

namespace banyan {

struct MomentumOptions {
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 0;
};

// As torch.optim.SGD with momentum and without dampening. Slot: momentum_buffer (v).
//
//   g += weight_decay * w;  v = momentum * v + g;  w -= lr * v, or with nesterov lr * (g + momentum * v)
std::unique_ptr<const UpdateRule> MakeMomentum(const MomentumOptions& options);

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_MOMENTUM_H_
