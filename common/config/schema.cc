#include "common/config/schema.h"

#include <algorithm>
#include <cctype>

#include "common/config/diagnostic.h"
#include "common/config/spelled.h"

namespace banyan::config {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;

const v1::FieldRule& RuleOf(const FieldDescriptor& field) { return field.options().GetExtension(v1::rule); }

bool IsList(const Descriptor& message) { return message.field_count() == 1 && message.field(0)->is_repeated(); }

std::string FieldPath(std::string_view parent, const FieldDescriptor& field) {
  if (IsList(*field.containing_type())) return std::string(parent);
  return parent.empty() ? field.name() : std::string(parent) + "." + field.name();
}

std::string ItemPath(std::string_view list, int index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::vector<const OneofDescriptor*> ChoicesOf(const Descriptor& message) {
  std::vector<const OneofDescriptor*> choices;
  for (int i = 0; i < message.real_oneof_decl_count(); ++i) choices.push_back(message.oneof_decl(i));
  return choices;
}

bool IsChoice(const FieldDescriptor& field) { return field.real_containing_oneof() != nullptr; }

std::vector<std::string> FieldNames(const Descriptor& message) {
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) names.push_back(message.field(i)->name());
  return names;
}

std::vector<std::string> FieldNames(const OneofDescriptor& choice) {
  std::vector<std::string> names;
  for (int i = 0; i < choice.field_count(); ++i) names.push_back(choice.field(i)->name());
  return names;
}

std::vector<std::string> BareNames(const Descriptor& message) {
  std::vector<std::string> names;
  for (const OneofDescriptor* choice : ChoicesOf(message)) {
    for (int i = 0; i < choice->field_count(); ++i) {
      if (choice->field(i)->message_type() != nullptr) names.push_back(choice->field(i)->name());
    }
  }
  return names;
}

std::string EnumName(const EnumValueDescriptor& value) {
  std::string name = value.name();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

std::vector<std::string> EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(EnumName(*type.value(i)));
  }
  return names;
}

const EnumValueDescriptor* FindEnum(const EnumDescriptor& type, std::string_view name) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0 && EnumName(*type.value(i)) == name) return type.value(i);
  }
  return nullptr;
}

std::string DescribeBounds(const v1::FieldRule& rule) {
  std::string out;
  if (!rule.min().empty()) out += (rule.min_exclusive() ? "above " : "at least ") + rule.min();
  if (!rule.max().empty()) {
    out += std::string(out.empty() ? "" : ", ") + (rule.max_exclusive() ? "below " : "at most ") + rule.max();
  }
  return out;
}

namespace {

std::string DescribeType(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return "a whole number";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return RuleOf(field).path() ? "a path 'root:relative'" : "text";
    case FieldDescriptor::CPPTYPE_ENUM:
      return OneOf(EnumNames(*field.enum_type()));
    default:
      break;
  }
  const Descriptor& message = *field.message_type();
  if (IsSpelled(message)) return std::string(SpelledForm(message));
  if (IsList(message)) return "a list";
  const std::vector<std::string> choices = BareNames(message);
  return choices.empty() ? "fields" : "fields, or one of " + OneOf(choices);
}

}  // namespace

std::string DescribeValue(const FieldDescriptor& field) {
  const v1::FieldRule& rule = RuleOf(field);
  std::string out = DescribeType(field);
  if (const std::string bounds = DescribeBounds(rule); !bounds.empty()) out += ", " + bounds;
  if (!rule.unit().empty()) out += " (" + rule.unit() + ")";
  return out;
}

std::vector<const FieldDescriptor*> PresentFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  const Descriptor& type = *message.GetDescriptor();
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool present =
        field.is_repeated() ? reflection.FieldSize(message, &field) > 0 : reflection.HasField(message, &field);
    if (present) fields.push_back(&field);
  }
  return fields;
}

}  // namespace banyan::config
