#ifndef BANYAN_CLI_REPORT_TABLE_H_
#define BANYAN_CLI_REPORT_TABLE_H_

#include <string>
#include <vector>

namespace banyan::cli {

// What comes from elsewhere may hold control characters: they become '?'.
std::string Printable(std::string text);

// As much of `text`, UTF-8, as has place in so many columns.
std::string Cut(const std::string& text, size_t columns);

// Rows of cells as lines whose columns stand below each other, two spaces apart; no spaces at a line's end. Cells
// are made Printable.
std::string Table(const std::vector<std::vector<std::string>>& rows);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_REPORT_TABLE_H_
