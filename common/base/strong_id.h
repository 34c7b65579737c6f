#ifndef BANYAN_COMMON_BASE_STRONG_ID_H_
#define BANYAN_COMMON_BASE_STRONG_ID_H_

#include <compare>
#include <functional>
#include <ostream>
#include <utility>

namespace banyan {

// A number that names one kind of thing and mixes with no other. `Tag` is any type, never defined.
template <typename Tag, typename Value>
class StrongId {
 public:
  using value_type = Value;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Value value) : value_(value) {}

  constexpr Value value() const { return value_; }

  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const StrongId& id) {
    return H::combine(std::move(state), id.value_);
  }

  friend std::ostream& operator<<(std::ostream& out, const StrongId& id) { return out << id.value_; }

 private:
  Value value_ = {};
};

}  // namespace banyan

template <typename Tag, typename Value>
struct std::hash<banyan::StrongId<Tag, Value>> {
  std::size_t operator()(const banyan::StrongId<Tag, Value>& id) const noexcept {
    return std::hash<Value>()(id.value());
  }
};

#endif  // BANYAN_COMMON_BASE_STRONG_ID_H_
