#ifndef BANYAN_CLI_REPORT_HEX_FLOAT_H_
#define BANYAN_CLI_REPORT_HEX_FLOAT_H_

#include <string>

namespace banyan::cli {

// The value exactly, as C's %a and Python's float.fromhex read it: "0x1.8p+11", "-0x0p+0", "inf", "nan". One spelling a
// value, so that scripts may compare the text.
std::string HexFloat(double value);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_REPORT_HEX_FLOAT_H_
