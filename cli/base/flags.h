#ifndef BANYAN_CLI_BASE_FLAGS_H_
#define BANYAN_CLI_BASE_FLAGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace banyan::cli {

// The flags of one sub-command, read strictly: an unknown flag, a flag given twice, a missing or unreadable value and
// a wrong number of other arguments are INVALID_ARGUMENT. Written `--name value` or `--name=value`; a flag of one letter
// `-o value`; after `--` nothing is a flag. The variables that are added must outlive Parse and keep their values where
// their flag is not given. Thread-compatible.
class Flags {
 public:
  // `arguments` is how they look in the usage, "JOB [OUT]"; between `least` and `most` of them are taken.
  struct Usage {
    std::string command;
    std::string arguments = {};
    std::string summary = {};
    size_t least = 0;
    size_t most = 0;
  };

  explicit Flags(Usage usage) : usage_(std::move(usage)) {}

  void AddSwitch(const std::string& name, bool* value, const std::string& help);
  void AddText(const std::string& name, const std::string& form, std::string* value, const std::string& help);
  // Each time it is given adds one.
  void AddTexts(const std::string& name, const std::string& form, std::vector<std::string>* value,
                const std::string& help);
  void AddCount(const std::string& name, uint64_t least, uint64_t most, std::optional<uint64_t>* value,
                const std::string& help);
  // Numbers with commas between them.
  void AddCounts(const std::string& name, std::vector<uint32_t>* value, const std::string& help);
  // `90s`, `5m`, `1h30m`.
  void AddDuration(const std::string& name, std::optional<absl::Duration>* value, const std::string& help);
  // One of `choices`.
  void AddChoice(const std::string& name, const std::vector<std::string>& choices, std::string* value,
                 const std::string& help);

  // Reads `arguments`. --help and -h set help_wanted() and leave the rest unread.
  absl::Status Parse(std::span<const std::string> arguments);

  bool help_wanted() const { return help_wanted_; }
  // What is no flag.
  const std::vector<std::string>& arguments() const { return arguments_; }

  // Usage, summary and one line a flag.
  std::string Help() const;

 private:
  struct Flag {
    std::string name;
    std::string form;  // empty: a switch
    std::string help;
    bool repeated = false;
    // An empty string is success, else what was expected.
    std::function<std::string(const std::string& value)> set;
    bool given = false;
  };

  void Add(Flag flag) { flags_.push_back(std::move(flag)); }
  absl::StatusOr<Flag*> Find(const std::string& written);
  absl::Status Set(Flag& flag, const std::string& written, const std::string& value);
  absl::Status CheckArgumentCount() const;
  std::string UsageLine() const;

  const Usage usage_;
  std::vector<Flag> flags_;
  std::vector<std::string> arguments_;
  bool help_wanted_ = false;
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_BASE_FLAGS_H_
