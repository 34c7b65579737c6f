#include "common/optimizer/decay_filter.h"

namespace banyan {
namespace {

// Greedy, going back only to the last '*': linear for one star and never exponential.
bool Matches(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0;
  size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool DecayFilter::Decays(std::string_view parameter, std::string_view role) const {
  for (const std::string& entry : no_decay_) {
    if ((!role.empty() && entry == role) || Matches(entry, parameter)) return false;
  }
  return true;
}

}  // namespace banyan
