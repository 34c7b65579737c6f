#include "common/config/field_rules.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/config/scalar.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "common/config/utf8.h"
#include "google/protobuf/duration.pb.h"
#include "proto/job.pb.h"

namespace banyan::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// Whether `value` keeps the rule's bounds, which Parse reads.
template <typename T>
bool InBounds(const v1::FieldRule& rule, T value, std::optional<T> (*parse)(std::string_view)) {
  const auto min = parse(rule.min());
  if (min && (value < *min || (rule.min_exclusive() && value == *min))) return false;
  const auto max = parse(rule.max());
  return !max || (value <= *max && !(rule.max_exclusive() && value == *max));
}

// `root:relative`, a place at or below the root.
bool IsRootedPath(std::string_view path) {
  const size_t colon = path.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == path.size() || path[colon + 1] == '/') return false;
  for (const char c : path.substr(0, colon)) {
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
  }
  std::string_view rest = path.substr(colon + 1);
  while (true) {
    const size_t slash = rest.find('/');
    if (rest.substr(0, slash) == "..") return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

bool IsPlainText(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0 || static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::optional<int64_t> Nanoseconds(const Duration& duration) {
  constexpr int64_t kNanosASecond = 1'000'000'000;
  int64_t nanoseconds;
  if (duration.nanos() <= -kNanosASecond || duration.nanos() >= kNanosASecond ||
      (duration.seconds() > 0 && duration.nanos() < 0) || (duration.seconds() < 0 && duration.nanos() > 0) ||
      __builtin_mul_overflow(duration.seconds(), kNanosASecond, &nanoseconds) ||
      __builtin_add_overflow(nanoseconds, duration.nanos(), &nanoseconds)) {
    return std::nullopt;
  }
  return nanoseconds;
}

class FieldChecker {
 public:
  FieldChecker(const Locations& locations, Diagnostics* diagnostics)
      : locations_(locations), diagnostics_(diagnostics) {}

  void Check(const Message& message, const std::string& path) {
    const Descriptor& type = *message.GetDescriptor();
    if (locations_.IsUnread(path)) return;
    for (const OneofDescriptor* choice : ChoicesOf(type)) {
      if (!message.GetReflection()->HasOneof(message, choice)) CheckNoChoice(*choice, path);
    }
    for (int i = 0; i < type.field_count(); ++i) CheckField(message, *type.field(i), FieldPath(path, *type.field(i)));
  }

 private:
  void CheckNoChoice(const OneofDescriptor& choice, const std::string& path) {
    diagnostics_->Add({Code::kExactlyOne, locations_.OfKey(path), path, path + " says nothing of what it is",
                       "exactly one of " + OneOf(FieldNames(choice))});
  }

  void CheckField(const Message& message, const FieldDescriptor& field, const std::string& path) {
    const v1::FieldRule& rule = RuleOf(field);
    const Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) {
      const int size = reflection.FieldSize(message, &field);
      if (size == 0 && !rule.required()) return;
      if (size > 0 || !locations_.IsUnread(path)) CheckLength(rule, size, "entries", path);
      for (int i = 0; i < size; ++i) CheckValue(message, field, i, ItemPath(path, i));
    } else if (reflection.HasField(message, &field)) {
      CheckValue(message, field, -1, path);
    } else if (rule.required() && !locations_.IsUnread(path)) {
      const std::string parent = path.substr(0, path.size() - field.name().size());
      diagnostics_->Add({Code::kMissingField, locations_.OfKey(path), path,
                         Quote(field.name()) + " is missing in " +
                             (parent.empty() ? "the job" : parent.substr(0, parent.size() - 1)),
                         DescribeValue(field)});
    }
  }

  void CheckValue(const Message& message, const FieldDescriptor& field, int index, const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    const auto get = [&](auto single, auto repeated) {
      return index < 0 ? (reflection.*single)(message, &field) : (reflection.*repeated)(message, &field, index);
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32:
        return CheckUnsigned(field, get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32), path);
      case FieldDescriptor::CPPTYPE_UINT64:
        return CheckUnsigned(field, get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64), path);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return CheckDouble(field, get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), path);
      case FieldDescriptor::CPPTYPE_STRING:
        return CheckString(field, get(&Reflection::GetString, &Reflection::GetRepeatedString), path);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int number = get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
        if (number == 0 || field.enum_type()->FindValueByNumber(number) == nullptr) {
          BadValue(field, std::to_string(number), path);
        }
        return;
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        // `all: false` of a textproto file chooses nothing.
        if (IsChoice(field) && !reflection.GetBool(message, &field)) BadValue(field, "false", path);
        return;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return CheckMessage(field,
                            index < 0 ? reflection.GetMessage(message, &field)
                                      : reflection.GetRepeatedMessage(message, &field, index),
                            path);
      default:
        return;
    }
  }

  void CheckMessage(const FieldDescriptor& field, const Message& value, const std::string& path) {
    if (value.GetDescriptor() != Duration::descriptor()) return Check(value, path);
    Duration duration;
    duration.CopyFrom(value);
    const std::optional<int64_t> nanoseconds = Nanoseconds(duration);
    if (!nanoseconds) return BadValue(field, duration.ShortDebugString(), path);
    if (!InBounds(RuleOf(field), *nanoseconds, ParseDuration)) OutOfRange(field, FormatDuration(*nanoseconds), path);
  }

  void CheckUnsigned(const FieldDescriptor& field, uint64_t value, const std::string& path) {
    if (!InBounds(RuleOf(field), value, ParseUnsigned)) OutOfRange(field, std::to_string(value), path);
  }

  void CheckDouble(const FieldDescriptor& field, double value, const std::string& path) {
    if (!std::isfinite(value)) return BadValue(field, FormatDouble(value), path);
    if (!InBounds(RuleOf(field), value, ParseDouble)) OutOfRange(field, FormatDouble(value), path);
  }

  void CheckString(const FieldDescriptor& field, const std::string& value, const std::string& path) {
    if (!IsPlainText(value)) {
      diagnostics_->Add({Code::kBadValue, locations_.OfValue(path), path, path + " has a control character",
                         "text in UTF-8 on one line"});
      return;
    }
    CheckLength(RuleOf(field), value.size(), "bytes", path);
    if (RuleOf(field).path() && !IsRootedPath(value)) {
      diagnostics_->Add({Code::kBadPath, locations_.OfValue(path), path,
                         path + " is " + Quote(value) + ", which is no place below a root",
                         "'root:relative', such as 'data:corpus.txt' for a file beside the job file"});
    }
  }

  void CheckLength(const v1::FieldRule& rule, size_t length, const std::string& unit, const std::string& path) {
    if (length >= rule.min_length() && (rule.max_length() == 0 || length <= rule.max_length())) return;
    const std::string min = std::to_string(rule.min_length());
    const std::string max = std::to_string(rule.max_length());
    diagnostics_->Add({Code::kBadLength, locations_.OfValue(path), path,
                       path + " has " + std::to_string(length) + " " + unit,
                       min == max             ? min + " " + unit
                       : rule.max_length() == 0 ? "at least " + min + " " + unit
                                                : min + " to " + max + " " + unit});
  }

  void OutOfRange(const FieldDescriptor& field, const std::string& value, const std::string& path) {
    diagnostics_->Add({Code::kOutOfRange, locations_.OfValue(path), path, path + " is " + value, DescribeValue(field)});
  }

  void BadValue(const FieldDescriptor& field, const std::string& value, const std::string& path) {
    diagnostics_->Add({Code::kBadValue, locations_.OfValue(path), path,
                       Quote(value) + " is no value of " + path, DescribeValue(field)});
  }

  const Locations& locations_;
  Diagnostics* const diagnostics_;
};

}  // namespace

void CheckFields(const Message& message, const std::string& path, const Locations& locations,
                 Diagnostics* diagnostics) {
  FieldChecker(locations, diagnostics).Check(message, path);
}

}  // namespace banyan::config
