#ifndef BANYAN_COMMON_OPTIMIZER_DECAY_FILTER_H_
#define BANYAN_COMMON_OPTIMIZER_DECAY_FILTER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace banyan {

// Which parameters have weight decay: all but those that an entry of `no_decay` names, by the role that their layer
// declares ("bias", "norm", "embedding") or by their name, whole, in which '*' stands for any characters.
class DecayFilter {
 public:
  explicit DecayFilter(std::vector<std::string> no_decay = {}) : no_decay_(std::move(no_decay)) {}

  // `role`: what the layer declares; empty for an ordinary weight.
  bool Decays(std::string_view parameter, std::string_view role) const;

 private:
  std::vector<std::string> no_decay_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_DECAY_FILTER_H_
