#ifndef BANYAN_COMMON_BASE_STATUS_H_
#define BANYAN_COMMON_BASE_STATUS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banyan {

// `status` with "context: " put before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// The status of errno's value `error`, as "what: strerror".
absl::Status ErrnoStatus(int error, absl::string_view what);

}  // namespace banyan

#define RETURN_IF_ERROR(expression)                            \
  do {                                                         \
    absl::Status banyan_status = (expression);                 \
    if (!banyan_status.ok()) [[unlikely]] return banyan_status; \
  } while (false)

#define BANYAN_CONCAT_INNER(a, b) a##b
#define BANYAN_CONCAT(a, b) BANYAN_CONCAT_INNER(a, b)

// ASSIGN_OR_RETURN(auto value, Fallible());
#define ASSIGN_OR_RETURN(declaration, expression) \
  BANYAN_ASSIGN_OR_RETURN(BANYAN_CONCAT(banyan_statusor_, __LINE__), declaration, expression)
#define BANYAN_ASSIGN_OR_RETURN(variable, declaration, expression) \
  auto variable = (expression);                                    \
  if (!variable.ok()) [[unlikely]] return variable.status();       \
  declaration = *std::move(variable)

#endif  // BANYAN_COMMON_BASE_STATUS_H_
