#ifndef BANYAN_COMMON_CONFIG_DIAGNOSTIC_H_
#define BANYAN_COMMON_CONFIG_DIAGNOSTIC_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace banyan::config {

// What is wrong with a job. Each has a stable name (`unknown-field`) that scripts may rely on and docs/job_file.md
// lists: names are added, never changed.
enum class Code {
  kSyntax,
  kNotUtf8,
  kTooLarge,
  kTooDeep,
  kAnchor,
  kTag,
  kSeveralDocuments,
  kDuplicateKey,
  kUnknownField,
  kWrongType,
  kBadValue,
  kOutOfRange,
  kBadLength,
  kBadPath,
  kMissingField,
  kExactlyOne,
  kInconsistent,
  kNotAvailable,
  kBadOverride,
};

struct CodeInfo {
  Code code;
  std::string_view name;
  std::string_view meaning;
};

// Every code, in the order of the enum.
std::span<const CodeInfo> AllCodes();
std::string_view CodeName(Code code);

// A place in a source; line and column count from 1, columns in bytes. Line 0: the place is not known.
struct Position {
  int source = -1;
  int line = 0;
  int column = 0;

  bool known() const { return line > 0; }
};

struct Diagnostic {
  Code code;
  Position where;
  // Of the field, `recipe.batch.leaf`; shown where the position is not known. Empty: the job itself.
  std::string path;
  // One sentence without a period.
  std::string message;
  // What would have been right. May be empty.
  std::string expected = {};
};

// Everything that is wrong with one job, and the texts it was read from.
// Thread-compatible.
class Diagnostics {
 public:
  // How many Format() shows.
  static constexpr size_t kShown = 50;

  // Registers a text that positions refer to (a file, an argument); returns the number for Position::source.
  int AddSource(std::string name, std::string text);
  void Add(Diagnostic diagnostic);

  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  // By source, line and column; those without a position last, in the order they came. At most kKept of them.
  std::vector<Diagnostic> Sorted() const;

  // As a compiler prints them, ending in a newline:
  //   job.yaml:14:3: error: unknown field 'leraning_rate' in recipe; did you mean 'learning_rate'? [unknown-field]
  //      14 |   leraning_rate: 3e-3
  //         |   ^
  //         = expected ...
  // Without a position the field's path stands in its place. After kShown it says how many more there are. Control
  // characters of the source are not passed on, so that a hostile file cannot speak to a terminal.
  std::string Format() const;
  // OK where empty, else INVALID_ARGUMENT with Format() as its message.
  absl::Status ToStatus() const;

 private:
  // A hostile file has a million errors; those beyond are counted only.
  static constexpr size_t kKept = 1000;

  struct Source {
    std::string name;
    std::string text;
  };

  void Append(const Diagnostic& diagnostic, std::string* out) const;

  std::vector<Source> sources_;
  std::vector<Diagnostic> kept_;
  size_t count_ = 0;
};

// `text` in single quotes, cut to a readable length.
std::string Quote(std::string_view text);

// The one of `known` that `given` is most likely a slip of; null where none is near.
const std::string* Nearest(std::string_view given, const std::vector<std::string>& known);
// "; did you mean 'x'?" with Nearest(), or nothing.
std::string DidYouMean(std::string_view given, const std::vector<std::string>& known);

// "a, b or c".
std::string OneOf(const std::vector<std::string>& names);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_DIAGNOSTIC_H_
