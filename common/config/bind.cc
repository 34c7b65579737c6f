#include "common/config/bind.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "common/config/scalar.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"

namespace banyan::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

std::string Shown(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return Quote(node.text);
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "fields";
  }
  return "";
}

std::string Where(const std::string& path) { return path.empty() ? "the job" : path; }

// Sets a field, or adds to a repeated one.
template <typename T, typename Set, typename Add>
void Store(const FieldDescriptor& field, Message* message, T value, Set set, Add add) {
  const Reflection* reflection = message->GetReflection();
  if (field.is_repeated()) {
    (reflection->*add)(message, &field, std::move(value));
  } else {
    (reflection->*set)(message, &field, std::move(value));
  }
}

}  // namespace

void Binder::WrongType(const Node& node, const std::string& path, const std::string& expected) {
  locations_->MarkUnread(path);
  diagnostics_->Add({Code::kWrongType, node.where, path, Where(path) + " is " + Shown(node), expected});
}

void Binder::BindMessage(const Node& node, const std::string& path, Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  switch (node.kind) {
    case Node::Kind::kNull:
      return;
    case Node::Kind::kMap:
      for (const Node& item : node.items) BindEntry(item, path, message);
      return;
    case Node::Kind::kList:
      if (!IsList(type)) return WrongType(node, path, "fields ('name: value')");
      return BindItems(node, *type.field(0), path, message);
    case Node::Kind::kScalar:
      return BindBareName(node, path, message);
  }
}

void Binder::BindEntry(const Node& node, const std::string& path, Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  const FieldDescriptor* field = type.FindFieldByName(node.key);
  if (field == nullptr) {
    const std::vector<std::string> names = FieldNames(type);
    if (const std::string* nearest = Nearest(node.key, names)) {
      locations_->MarkUnread(FieldPath(path, *type.FindFieldByName(*nearest)));
      if (IsChoice(*type.FindFieldByName(*nearest))) locations_->MarkUnread(path);
    }
    diagnostics_->Add({Code::kUnknownField, node.key_where, path,
                       "unknown field " + Quote(node.key) + " in " + Where(path) + DidYouMean(node.key, names),
                       names.empty() ? "no fields" : OneOf(names)});
    return;
  }
  const OneofDescriptor* choice = field->real_containing_oneof();
  if (choice != nullptr && message->GetReflection()->HasOneof(*message, choice)) {
    const std::string& first = message->GetReflection()->GetOneofFieldDescriptor(*message, choice)->name();
    diagnostics_->Add({Code::kExactlyOne, node.key_where, path,
                       Where(path) + " has both " + Quote(first) + " and " + Quote(field->name()),
                       "exactly one of " + OneOf(FieldNames(*choice))});
    return;
  }
  BindField(node, *field, FieldPath(path, *field), message);
}

void Binder::BindBareName(const Node& node, const std::string& path, Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  const std::vector<std::string> names = BareNames(type);
  if (names.empty()) return WrongType(node, path, IsList(type) ? "a list" : "fields ('name: value')");
  const FieldDescriptor* field = type.FindFieldByName(node.text);
  if (field == nullptr || !IsChoice(*field) || field->message_type() == nullptr) {
    locations_->MarkUnread(path);
    diagnostics_->Add({Code::kBadValue, node.where, path,
                       Quote(node.text) + " is no " + Where(path) + DidYouMean(node.text, names), OneOf(names)});
    return;
  }
  locations_->Set(FieldPath(path, *field), node.where, node.where);
  message->GetReflection()->MutableMessage(message, field);
}

void Binder::BindField(const Node& node, const FieldDescriptor& field, const std::string& path, Message* message) {
  locations_->Set(path, node.key_where, node.where);
  message->GetReflection()->ClearField(message, &field);
  if (field.is_repeated()) {
    BindItems(node, field, path, message);
  } else {
    BindValue(node, field, path, message);
  }
}

void Binder::BindItems(const Node& node, const FieldDescriptor& field, const std::string& path, Message* message) {
  if (node.kind != Node::Kind::kList) return WrongType(node, path, "a list");
  for (size_t i = 0; i < node.items.size(); ++i) {
    const std::string item = ItemPath(path, static_cast<int>(i));
    locations_->Set(item, node.items[i].where, node.items[i].where);
    BindValue(node.items[i], field, item, message);
  }
}

void Binder::BindValue(const Node& node, const FieldDescriptor& field, const std::string& path, Message* message) {
  const bool is_message = field.message_type() != nullptr;
  if (is_message && !IsSpelled(*field.message_type())) {
    const Reflection* reflection = message->GetReflection();
    BindMessage(node, path,
                field.is_repeated() ? reflection->AddMessage(message, &field)
                                    : reflection->MutableMessage(message, &field));
    return;
  }
  if (node.kind != Node::Kind::kScalar) return WrongType(node, path, DescribeValue(field));
  if (SetScalar(node, field, message)) return;
  locations_->MarkUnread(path);
  const bool is_enum = field.enum_type() != nullptr;
  diagnostics_->Add({Code::kBadValue, node.where, path,
                     Quote(node.text) + " is no value of " + Where(path) +
                         (is_enum ? DidYouMean(node.text, EnumNames(*field.enum_type())) : ""),
                     DescribeValue(field)});
}

bool Binder::SetScalar(const Node& node, const FieldDescriptor& field, Message* message) {
  const Reflection* reflection = message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32: {
      const std::optional<uint64_t> value = ParseUnsigned(node.text);
      if (!value || *value > std::numeric_limits<uint32_t>::max()) return false;
      Store(field, message, static_cast<uint32_t>(*value), &Reflection::SetUInt32, &Reflection::AddUInt32);
      return true;
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const std::optional<uint64_t> value = ParseUnsigned(node.text);
      if (!value) return false;
      Store(field, message, *value, &Reflection::SetUInt64, &Reflection::AddUInt64);
      return true;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const std::optional<double> value = ParseDouble(node.text);
      if (!value) return false;
      Store(field, message, *value, &Reflection::SetDouble, &Reflection::AddDouble);
      return true;
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      const std::optional<bool> value = ParseBool(node.text);
      if (!value) return false;
      Store(field, message, *value, &Reflection::SetBool, &Reflection::AddBool);
      return true;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      Store(field, message, node.text, &Reflection::SetString, &Reflection::AddString);
      return true;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value = FindEnum(*field.enum_type(), node.text);
      if (value == nullptr) return false;
      Store(field, message, value->number(), &Reflection::SetEnumValue, &Reflection::AddEnumValue);
      return true;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      CHECK(!field.is_repeated());
      if (!ParseSpelled(node.text, reflection->MutableMessage(message, &field))) {
        reflection->ClearField(message, &field);
        return false;
      }
      return true;
    default:
      // A test of the schema holds it to the types above.
      CHECK(false);
  }
  return false;
}

}  // namespace banyan::config
