#include "common/config/fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "absl/strings/escaping.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/config/defaults.h"
#include "common/config/print.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace banyan::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

using Lines = std::vector<std::string>;

// Walks a message that has all its defaults.
class LineMaker {
 public:
  explicit LineMaker(const ContentHashes& contents) : contents_(contents) {}

  absl::StatusOr<Lines> LinesOf(const Message& message, const std::string& path) const {
    Lines lines;
    for (const FieldDescriptor* field : PresentFields(message)) {
      const std::string field_path = FieldPath(path, *field);
      const bool has_fields = field->message_type() != nullptr && !IsSpelled(*field->message_type());
      ASSIGN_OR_RETURN(Lines more, has_fields ? MessageLines(message, *field, path, field_path)
                                              : ValueLines(message, *field, field_path));
      lines.insert(lines.end(), more.begin(), more.end());
    }
    return lines;
  }

 private:
  // A message of the same type in which only `field` is set, to its default; null where it has none.
  static std::unique_ptr<Message> Default(const Message& message, const FieldDescriptor& field) {
    std::unique_ptr<Message> other(message.New());
    if (IsChoice(field) || !SetDefault(field, other.get())) return nullptr;
    return other;
  }

  absl::StatusOr<Lines> MessageLines(const Message& message, const FieldDescriptor& field, const std::string& parent,
                                     const std::string& path) const {
    const Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) return ItemLines(message, field, path);
    ASSIGN_OR_RETURN(Lines lines, LinesOf(reflection.GetMessage(message, &field), path));
    if (IsChoice(field)) {
      lines.push_back(parent + "=" + field.name());
      return lines;
    }
    if (const std::unique_ptr<Message> other = Default(message, field)) {
      // As a whole: lines that the default shares must not be taken out one by one, or two recipes could meet.
      Message* value = reflection.MutableMessage(other.get(), &field);
      FillDefaults(value);
      ASSIGN_OR_RETURN(const Lines default_lines, LinesOf(*value, path));
      if (lines == default_lines) return Lines();
    }
    if (lines.empty()) lines.push_back(path + "={}");
    return lines;
  }

  absl::StatusOr<Lines> ItemLines(const Message& message, const FieldDescriptor& field, const std::string& path) const {
    const Reflection& reflection = *message.GetReflection();
    Lines lines;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const std::string item = ItemPath(path, i);
      ASSIGN_OR_RETURN(Lines more, LinesOf(reflection.GetRepeatedMessage(message, &field, i), item));
      if (more.empty()) more.push_back(item + "={}");
      lines.insert(lines.end(), more.begin(), more.end());
    }
    return lines;
  }

  absl::StatusOr<Lines> ValueLines(const Message& message, const FieldDescriptor& field,
                                   const std::string& path) const {
    ASSIGN_OR_RETURN(const std::string value, Values(message, field));
    if (const std::unique_ptr<Message> other = Default(message, field)) {
      ASSIGN_OR_RETURN(const std::string default_value, Values(*other, field));
      if (value == default_value) return Lines();
    }
    return Lines{path + "=" + value};
  }

  absl::StatusOr<std::string> Values(const Message& message, const FieldDescriptor& field) const {
    if (!field.is_repeated()) return Value(message, field, -1);
    std::string out = "[";
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      ASSIGN_OR_RETURN(const std::string value, Value(message, field, i));
      out += (i > 0 ? "," : "") + value;
    }
    return out + "]";
  }

  absl::StatusOr<std::string> Value(const Message& message, const FieldDescriptor& field, int index) const {
    const std::string text = PrintValue(message, field, index);
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return text;
    if (!RuleOf(field).path()) return "\"" + absl::Utf8SafeCEscape(text) + "\"";
    const auto found = contents_.find(text);
    if (found == contents_.end()) return absl::NotFoundError("no content hash for path '" + text + "'");
    return found->second;
  }

  const ContentHashes& contents_;
};

std::string Sha256Hex(std::string_view data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK(EVP_Digest(data.data(), data.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FingerprintLines(const v1::Recipe& recipe, const ContentHashes& contents) {
  v1::Recipe full = recipe;
  FillDefaults(&full);
  ASSIGN_OR_RETURN(Lines lines, LineMaker(contents).LinesOf(full, ""));
  std::sort(lines.begin(), lines.end());
  return lines;
}

absl::StatusOr<std::string> RecipeFingerprint(const v1::Recipe& recipe, const ContentHashes& contents) {
  ASSIGN_OR_RETURN(const Lines lines, FingerprintLines(recipe, contents));
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return Sha256Hex(text);
}

}  // namespace banyan::config
