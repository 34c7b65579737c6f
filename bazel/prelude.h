#ifndef BANYAN_BAZEL_PRELUDE_H_
#define BANYAN_BAZEL_PRELUDE_H_

// The outside headers that most sources read, precompiled once for all of them (precompiled.bzl). Every source still
// names what it includes: targets with flags of their own do without this file, and the ThreadSanitizer build does so
// everywhere, by BANYAN_NO_PRELUDE.
#ifndef BANYAN_NO_PRELUDE

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_message_util.h"
#include "google/protobuf/map.h"
#include "google/protobuf/map_entry.h"
#include "google/protobuf/map_field_inl.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_field.h"

#endif  // BANYAN_NO_PRELUDE

#endif  // BANYAN_BAZEL_PRELUDE_H_
