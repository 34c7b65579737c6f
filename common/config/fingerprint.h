#ifndef BANYAN_COMMON_CONFIG_FINGERPRINT_H_
#define BANYAN_COMMON_CONFIG_FINGERPRINT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/job.pb.h"

namespace banyan::config {

// What the paths of a recipe hold: from the path as the recipe has it (`data:kjv.txt`) to the hash of the content.
using ContentHashes = std::map<std::string, std::string>;

// What of a recipe decides the bits, one `path=value` a line, in byte order:
//   * a field that has its default value has no line, written or not, so a new field with a default changes no old job;
//   * a choice is `optimizer=adamw`, its fields `optimizer.adamw.learning_rate=0.004`;
//   * text is in double quotes, C-escaped; numbers are the shortest text that reads back; lists `[0.9,0.95]`, those of
//     messages `model.layers[0].linear.units=8`;
//   * a path is what `contents` says of it. NOT_FOUND where it says nothing.
// The recipe is valid (ValidateJob).
absl::StatusOr<std::vector<std::string>> FingerprintLines(const v1::Recipe& recipe, const ContentHashes& contents);

// SHA-256, in lower-case hex, of these lines, each ended by a newline. The job's name, its `run` part and the version
// of the schema do not count.
absl::StatusOr<std::string> RecipeFingerprint(const v1::Recipe& recipe, const ContentHashes& contents);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_FINGERPRINT_H_
