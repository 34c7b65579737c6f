#ifndef BANYAN_CLI_VERSION_H_
#define BANYAN_CLI_VERSION_H_

namespace banyan::cli {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace banyan::cli

#endif  // BANYAN_CLI_VERSION_H_
