#include "common/base/status.h"

#include "absl/strings/str_cat.h"

namespace banyan {

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

absl::Status ErrnoStatus(int error, absl::string_view what) { return absl::ErrnoToStatus(error, what); }

}  // namespace banyan
