#ifndef BANYAN_CLI_REPORT_TABLE_H_
#define BANYAN_CLI_REPORT_TABLE_H_

#include <string>
#include <vector>

namespace banyan::cli {

// Rows of cells as lines whose columns stand below each other, two spaces apart; no spaces at a line's end. What comes
// from elsewhere may hold control characters: they are printed as '?'.
std::string Table(const std::vector<std::vector<std::string>>& rows);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_REPORT_TABLE_H_
