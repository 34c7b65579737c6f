#include "common/config/print.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "common/config/scalar.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "nlohmann/json.hpp"

namespace banyan::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

bool IsBlock(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !IsSpelled(*field.message_type());
}

// Words that some YAML readers, though not ours, take for something else than text.
bool IsGuessed(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const std::string_view word : {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (lower == word) return true;
  }
  return false;
}

// Plain where every YAML reader takes it for text, also inside [a, b]; else in double quotes.
std::string PrintText(std::string_view text) {
  const auto plain = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || std::string_view("_-./:").find(c) != std::string_view::npos);
  };
  if (!text.empty() && text.size() < 1000 && std::isalpha(static_cast<unsigned char>(text[0])) &&
      text.back() != ':' && std::all_of(text.begin(), text.end(), plain) && !IsGuessed(text)) {
    return std::string(text);
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string PrintScalar(const Message& message, const FieldDescriptor& field, int index) {
  const std::string text = PrintValue(message, field, index);
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? PrintText(text) : text;
}

// `name` where a message may be written as the bare name of its choice.
std::string BareName(const Message& message) {
  const std::vector<const FieldDescriptor*> fields = PresentFields(message);
  if (fields.size() != 1 || !IsChoice(*fields[0]) || !IsBlock(*fields[0])) return "";
  const Message& chosen = message.GetReflection()->GetMessage(message, fields[0]);
  return PresentFields(chosen).empty() ? fields[0]->name() : "";
}

void PrintFields(const Message& message, const std::string& indent, std::string* out);

// What follows the colon of a field whose value is a message, with the line's end.
void PrintBlock(const Message& message, const std::string& indent, std::string* out);

void PrintItems(const Message& message, const FieldDescriptor& field, const std::string& indent, std::string* out) {
  const Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, &field);
  if (!IsBlock(field)) {
    *out += " [";
    for (int i = 0; i < size; ++i) *out += (i > 0 ? ", " : "") + PrintScalar(message, field, i);
    *out += "]\n";
    return;
  }
  *out += "\n";
  for (int i = 0; i < size; ++i) {
    const Message& item = reflection.GetRepeatedMessage(message, &field, i);
    if (PresentFields(item).empty()) {
      *out += indent + "- {}\n";
    } else if (const std::string name = BareName(item); !name.empty()) {
      *out += indent + "- " + name + "\n";
    } else {
      const size_t begin = out->size();
      PrintFields(item, indent + "  ", out);
      (*out)[begin + indent.size()] = '-';
    }
  }
}

void PrintBlock(const Message& message, const std::string& indent, std::string* out) {
  const std::vector<const FieldDescriptor*> fields = PresentFields(message);
  if (fields.empty()) {
    *out += IsList(*message.GetDescriptor()) ? " []\n" : " {}\n";
  } else if (IsList(*message.GetDescriptor())) {
    PrintItems(message, *fields[0], indent, out);
  } else if (const std::string name = BareName(message); !name.empty()) {
    *out += " " + name + "\n";
  } else {
    *out += "\n";
    PrintFields(message, indent, out);
  }
}

void PrintFields(const Message& message, const std::string& indent, std::string* out) {
  for (const FieldDescriptor* field : PresentFields(message)) {
    *out += indent + field->name() + ":";
    if (field->is_repeated()) {
      PrintItems(message, *field, indent + "  ", out);
    } else if (IsBlock(*field)) {
      PrintBlock(message.GetReflection()->GetMessage(message, field), indent + "  ", out);
    } else {
      const std::string& unit = RuleOf(*field).unit();
      *out += " " + PrintScalar(message, *field, -1) + (unit.empty() ? "" : "  # " + unit) + "\n";
    }
  }
}

// Whether its spelling is JSON's too; else it is text there.
bool IsJsonLiteral(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_BOOL:
      return true;
    default:
      return false;
  }
}

Json JsonOf(const Message& message);

Json JsonOfValue(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  if (IsBlock(field)) {
    return JsonOf(index < 0 ? reflection.GetMessage(message, &field)
                            : reflection.GetRepeatedMessage(message, &field, index));
  }
  const std::string text = PrintValue(message, field, index);
  return IsJsonLiteral(field) ? Json::parse(text) : Json(text);
}

Json JsonOfField(const Message& message, const FieldDescriptor& field) {
  if (!field.is_repeated()) return JsonOfValue(message, field, -1);
  Json items = Json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    items.push_back(JsonOfValue(message, field, i));
  }
  return items;
}

Json JsonOf(const Message& message) {
  if (IsList(*message.GetDescriptor())) return JsonOfField(message, *message.GetDescriptor()->field(0));
  Json json = Json::object();
  for (const FieldDescriptor* field : PresentFields(message)) json[field->name()] = JsonOfField(message, *field);
  return json;
}

}  // namespace

std::string PrintValue(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const auto get = [&](auto single, auto repeated) {
    return index < 0 ? (reflection.*single)(message, &field) : (reflection.*repeated)(message, &field, index);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return FormatDouble(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
    case FieldDescriptor::CPPTYPE_BOOL:
      return get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return get(&Reflection::GetString, &Reflection::GetRepeatedString);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value =
          field.enum_type()->FindValueByNumber(get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue));
      return value == nullptr ? "" : EnumName(*value);
    }
    default:
      return PrintSpelled(index < 0 ? reflection.GetMessage(message, &field)
                                    : reflection.GetRepeatedMessage(message, &field, index));
  }
}

std::string PrintYaml(const Message& message) {
  std::string out;
  PrintFields(message, "", &out);
  return out;
}

std::string PrintJson(const Message& message) { return JsonOf(message).dump() + "\n"; }

}  // namespace banyan::config
