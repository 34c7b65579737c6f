#ifndef BANYAN_COMMON_OPTIMIZER_SGD_H_
#define BANYAN_COMMON_OPTIMIZER_SGD_H_

#include <memory>

#include "common/optimizer/update_rule.h"

namespace banyan {

struct SgdOptions {
  double weight_decay = 0;
};

// w -= lr * (g + weight_decay * w)
std::unique_ptr<const UpdateRule> MakeSgd(const SgdOptions& options);

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_SGD_H_
