#include "cli/base/flags.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/config/diagnostic.h"

namespace banyan::cli {
namespace {

std::string Written(const std::string& name) { return absl::StrCat(name.size() == 1 ? "-" : "--", name); }

template <typename T>
bool ReadNumber(const std::string& text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void Flags::AddSwitch(const std::string& name, bool* value, const std::string& help) {
  Add({.name = name, .help = help, .set = [value](const std::string&) {
         *value = true;
         return std::string();
       }});
}

void Flags::AddText(const std::string& name, const std::string& form, std::string* value, const std::string& help) {
  Add({.name = name, .form = form, .help = help, .set = [value](const std::string& text) {
         *value = text;
         return std::string(text.empty() ? "something" : "");
       }});
}

void Flags::AddTexts(const std::string& name, const std::string& form, std::vector<std::string>* value,
                     const std::string& help) {
  Add({.name = name, .form = form, .help = help, .repeated = true, .set = [value](const std::string& text) {
         value->push_back(text);
         return std::string();
       }});
}

void Flags::AddCount(const std::string& name, uint64_t least, uint64_t most, std::optional<uint64_t>* value,
                     const std::string& help) {
  Add({.name = name, .form = "N", .help = help, .set = [=](const std::string& text) {
         uint64_t number = 0;
         if (!ReadNumber(text, &number) || number < least || number > most) {
           return absl::StrCat("a whole number from ", least, " to ", most);
         }
         *value = number;
         return std::string();
       }});
}

void Flags::AddCounts(const std::string& name, std::vector<uint32_t>* value, const std::string& help) {
  Add({.name = name, .form = "N,N,...", .help = help, .set = [value](const std::string& text) {
         value->clear();
         for (const absl::string_view part : absl::StrSplit(text, ',')) {
           if (!ReadNumber(std::string(part), &value->emplace_back())) return std::string("whole numbers with commas, as 5,2,1");
         }
         return std::string();
       }});
}

void Flags::AddDuration(const std::string& name, std::optional<absl::Duration>* value, const std::string& help) {
  Add({.name = name, .form = "TIME", .help = help, .set = [value](const std::string& text) {
         absl::Duration duration;
         if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration()) {
           return std::string("a time such as 90s, 5m or 1h30m");
         }
         *value = duration;
         return std::string();
       }});
}

void Flags::AddChoice(const std::string& name, const std::vector<std::string>& choices, std::string* value,
                      const std::string& help) {
  Add({.name = name, .form = absl::StrJoin(choices, "|"), .help = help, .set = [=](const std::string& text) {
         if (std::find(choices.begin(), choices.end(), text) == choices.end()) return config::OneOf(choices);
         *value = text;
         return std::string();
       }});
}

absl::Status Flags::Parse(std::span<const std::string> arguments) {
  bool flags_are_over = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (flags_are_over || argument.size() < 2 || argument[0] != '-') {
      arguments_.push_back(argument);
      continue;
    }
    if (argument == "--") {
      flags_are_over = true;
      continue;
    }
    if (argument == "--help" || argument == "-h") {
      help_wanted_ = true;
      return absl::OkStatus();
    }
    const size_t equals = argument.find('=');
    const std::string written = argument.substr(0, equals);
    ASSIGN_OR_RETURN(Flag* const flag, Find(written));
    std::string value;
    if (equals != std::string::npos) {
      if (flag->form.empty()) return absl::InvalidArgumentError(absl::StrCat("'", written, "' takes no value"));
      value = argument.substr(equals + 1);
    } else if (!flag->form.empty()) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("'", written, "' has no value, expected ", flag->form));
      }
      value = arguments[++i];
    }
    RETURN_IF_ERROR(Set(*flag, written, value));
  }
  return CheckArgumentCount();
}

absl::StatusOr<Flags::Flag*> Flags::Find(const std::string& written) {
  std::vector<std::string> known;
  for (Flag& flag : flags_) {
    known.push_back(Written(flag.name));
    if (known.back() == written) return &flag;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag '", written, "'", config::DidYouMean(written, known)));
}

absl::Status Flags::Set(Flag& flag, const std::string& written, const std::string& value) {
  if (std::exchange(flag.given, true) && !flag.repeated) {
    return absl::InvalidArgumentError(absl::StrCat("'", written, "' is given twice"));
  }
  const std::string expected = flag.set(value);
  if (expected.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", written, "' is '", value, "', expected ", expected));
}

absl::Status Flags::CheckArgumentCount() const {
  if (arguments_.size() < usage_.least) {
    return absl::InvalidArgumentError(absl::StrCat("an argument is missing, expected: ", UsageLine()));
  }
  if (arguments_.size() > usage_.most) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", arguments_[usage_.most], "' is one argument too many, expected: ", UsageLine()));
  }
  return absl::OkStatus();
}

std::string Flags::UsageLine() const {
  return absl::StrCat("banyan ", usage_.command, usage_.arguments.empty() ? "" : " ", usage_.arguments,
                      flags_.empty() ? "" : " [flags]");
}

std::string Flags::Help() const {
  std::string help = absl::StrCat("usage: ", UsageLine(), "\n", usage_.summary, "\n");
  if (flags_.empty()) return help;
  std::vector<std::string> heads;
  size_t width = 0;
  for (const Flag& flag : flags_) {
    heads.push_back(absl::StrCat(Written(flag.name), flag.form.empty() ? "" : " ", flag.form));
    width = std::max(width, heads.back().size());
  }
  absl::StrAppend(&help, "\n");
  for (size_t i = 0; i < flags_.size(); ++i) {
    absl::StrAppend(&help, "  ", heads[i], std::string(width - heads[i].size() + 2, ' '), flags_[i].help,
                    flags_[i].repeated ? " (repeatable)" : "", "\n");
  }
  return help;
}

}  // namespace banyan::cli
