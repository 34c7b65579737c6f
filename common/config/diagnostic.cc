#include "common/config/diagnostic.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "common/base/check.h"

namespace banyan::config {
namespace {

constexpr CodeInfo kCodes[] = {
    {Code::kSyntax, "syntax", "the text is not YAML (or not textproto)"},
    {Code::kNotUtf8, "not-utf8", "the text is not UTF-8"},
    {Code::kTooLarge, "too-large", "the file is larger than 1 MiB"},
    {Code::kTooDeep, "too-deep", "lists and fields are nested deeper than 100"},
    {Code::kAnchor, "anchor", "anchors and aliases (`&a`, `*a`) are not used in job files"},
    {Code::kTag, "tag", "tags (`!!str`) are not used in job files: the schema gives each field its type"},
    {Code::kSeveralDocuments, "several-documents", "a file holds one job"},
    {Code::kDuplicateKey, "duplicate-key", "a field is given twice"},
    {Code::kUnknownField, "unknown-field", "there is no such field here"},
    {Code::kWrongType, "wrong-type", "the value has another shape than the field: a list for a number, say"},
    {Code::kBadValue, "bad-value", "the value cannot be read as what the field holds"},
    {Code::kOutOfRange, "out-of-range", "the number or duration is outside its bounds"},
    {Code::kBadLength, "bad-length", "the text or list is too short or too long"},
    {Code::kBadPath, "bad-path", "a path is not `root:relative`, or leaves its root"},
    {Code::kMissingField, "missing-field", "a required field is absent"},
    {Code::kExactlyOne, "exactly-one", "exactly one of several fields must be given"},
    {Code::kInconsistent, "inconsistent", "fields contradict each other"},
    {Code::kNotAvailable, "not-available", "this version cannot do that yet; nothing less is done in its place"},
    {Code::kBadOverride, "bad-override", "an argument of `--set` is not `path=value`"},
};

constexpr size_t kLineWidth = 120;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string Printable(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), IsControl, ' ');
  return out;
}

std::string_view LineOf(std::string_view text, int line) {
  for (; line > 1; --line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The line and the caret under byte `column`; a long line is cut to what stands around the caret.
std::string Excerpt(std::string_view line, int line_number, size_t column) {
  size_t at = std::min(column - 1, line.size());
  if (line.size() > kLineWidth) {
    size_t begin = at > kLineWidth / 2 ? at - kLineWidth / 2 : 0;
    while (begin > 0 && IsContinuation(line[begin])) --begin;
    size_t end = std::min(begin + kLineWidth, line.size());
    while (end < line.size() && IsContinuation(line[end])) ++end;
    line = line.substr(begin, end - begin);
    at -= begin;
  }
  const std::string number = std::to_string(line_number);
  const std::string margin(std::max<size_t>(number.size(), 5), ' ');
  const auto characters = at - std::count_if(line.begin(), line.begin() + at, IsContinuation);
  return margin.substr(number.size()) + number + " | " + Printable(line) + "\n" + margin + " | " +
         std::string(characters, ' ') + "^\n";
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::span<const CodeInfo> AllCodes() { return kCodes; }

std::string_view CodeName(Code code) {
  const CodeInfo& info = kCodes[static_cast<size_t>(code)];
  CHECK(info.code == code);
  return info.name;
}

int Diagnostics::AddSource(std::string name, std::string text) {
  sources_.push_back({std::move(name), std::move(text)});
  return static_cast<int>(sources_.size()) - 1;
}

void Diagnostics::Add(Diagnostic diagnostic) {
  ++count_;
  if (kept_.size() < kKept) kept_.push_back(std::move(diagnostic));
}

std::vector<Diagnostic> Diagnostics::Sorted() const {
  std::vector<Diagnostic> sorted = kept_;
  const auto key = [](const Diagnostic& d) {
    return std::tuple(!d.where.known(), d.where.source, d.where.line, d.where.column);
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  return sorted;
}

void Diagnostics::Append(const Diagnostic& diagnostic, std::string* out) const {
  const Position& where = diagnostic.where;
  const bool known = where.known() && where.source >= 0 && where.source < static_cast<int>(sources_.size());
  if (known) {
    *out += Printable(sources_[where.source].name) + ":" + std::to_string(where.line) + ":" +
            std::to_string(where.column) + ": ";
  } else {
    *out += (diagnostic.path.empty() ? "job" : Printable(diagnostic.path)) + ": ";
  }
  *out += "error: " + Printable(diagnostic.message) + " [" + std::string(CodeName(diagnostic.code)) + "]\n";
  if (known) *out += Excerpt(LineOf(sources_[where.source].text, where.line), where.line, where.column);
  if (!diagnostic.expected.empty()) *out += "      = expected " + Printable(diagnostic.expected) + "\n";
}

std::string Diagnostics::Format() const {
  const std::vector<Diagnostic> sorted = Sorted();
  std::string out;
  const size_t shown = std::min(sorted.size(), kShown);
  for (size_t i = 0; i < shown; ++i) Append(sorted[i], &out);
  if (count_ > shown) {
    const size_t more = count_ - shown;
    out += "... and " + std::to_string(more) + (more == 1 ? " more error\n" : " more errors\n");
  }
  return out;
}

absl::Status Diagnostics::ToStatus() const {
  if (empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(Format());
}

std::string Quote(std::string_view text) {
  constexpr size_t kMax = 60;
  if (text.size() <= kMax) return "'" + std::string(text) + "'";
  size_t end = kMax;
  while (end > 0 && IsContinuation(text[end])) --end;
  return "'" + std::string(text.substr(0, end)) + "...'";
}

const std::string* Nearest(std::string_view given, const std::vector<std::string>& known) {
  if (given.empty() || given.size() > 64) return nullptr;
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(1, given.size() / 3) + 1;
  for (const std::string& name : known) {
    const size_t distance = EditDistance(given, name);
    if (distance < best_distance && distance < name.size()) {
      best = &name;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view given, const std::vector<std::string>& known) {
  const std::string* nearest = Nearest(given, known);
  return nearest == nullptr ? "" : "; did you mean '" + *nearest + "'?";
}

std::string OneOf(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

}  // namespace banyan::config
