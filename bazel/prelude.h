#ifndef BANYAN_BAZEL_PRELUDE_H_
#define BANYAN_BAZEL_PRELUDE_H_

// The outside headers that most sources read, precompiled once for all of them (precompiled.bzl). Every source still
// names what it includes: targets with flags of their own do without this file, and the ThreadSanitizer build does so
// everywhere, by BANYAN_NO_PRELUDE.
#ifndef BANYAN_NO_PRELUDE

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#endif  // BANYAN_NO_PRELUDE

#endif  // BANYAN_BAZEL_PRELUDE_H_
