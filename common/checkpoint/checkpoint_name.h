#ifndef BANYAN_COMMON_CHECKPOINT_CHECKPOINT_NAME_H_
#define BANYAN_COMMON_CHECKPOINT_CHECKPOINT_NAME_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace banyan {

// A checkpoint of a job. Ordered by age: a later term is the job's present line, whatever step an older one reached.
struct CheckpointName {
  uint64_t term = 0;
  uint64_t step = 0;
  auto operator<=>(const CheckpointName&) const = default;

  // "step-000000000200-term-3": the directory of a published checkpoint, inside the job's directory.
  std::string Directory() const;
  // The same with ".partial": where it is written.
  std::string PartialDirectory() const;
  // The same with ".deleted": on its way out.
  std::string DeletedDirectory() const;

  // From Directory()'s form only; nothing for any other.
  static std::optional<CheckpointName> Parse(std::string_view directory);
};

inline constexpr char kPartialSuffix[] = ".partial";
inline constexpr char kDeletedSuffix[] = ".deleted";

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_CHECKPOINT_NAME_H_
