#include "common/config/schema.h"

#include <set>

#include "common/config/defaults.h"
#include "common/config/spelled.h"
#include "gtest/gtest.h"
#include "proto/job.pb.h"

namespace banyan::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Every field of every message that a job can hold.
void Collect(const Descriptor& message, std::set<const Descriptor*>* seen, std::vector<const FieldDescriptor*>* out) {
  if (IsSpelled(message) || !seen->insert(&message).second) return;
  for (int i = 0; i < message.field_count(); ++i) {
    out->push_back(message.field(i));
    if (message.field(i)->message_type() != nullptr) Collect(*message.field(i)->message_type(), seen, out);
  }
}

std::vector<const FieldDescriptor*> AllFields() {
  std::set<const Descriptor*> seen;
  std::vector<const FieldDescriptor*> fields;
  Collect(*v1::Job::descriptor(), &seen, &fields);
  return fields;
}

TEST(SchemaTest, TellsAbsentFromZero) {
  for (const FieldDescriptor* field : AllFields()) {
    EXPECT_TRUE(field->is_repeated() || field->has_presence()) << field->full_name() << " is not `optional`";
  }
}

TEST(SchemaTest, UsesTypesThatTheReaderKnows) {
  const std::set<FieldDescriptor::CppType> known = {
      FieldDescriptor::CPPTYPE_UINT32, FieldDescriptor::CPPTYPE_UINT64, FieldDescriptor::CPPTYPE_DOUBLE,
      FieldDescriptor::CPPTYPE_BOOL,   FieldDescriptor::CPPTYPE_STRING, FieldDescriptor::CPPTYPE_ENUM,
      FieldDescriptor::CPPTYPE_MESSAGE};
  for (const FieldDescriptor* field : AllFields()) {
    EXPECT_TRUE(known.contains(field->cpp_type())) << field->full_name();
    const bool spelled = field->message_type() != nullptr && IsSpelled(*field->message_type());
    EXPECT_FALSE(field->is_repeated() && spelled) << field->full_name();
    EXPECT_FALSE(field->is_map()) << field->full_name();
  }
}

TEST(SchemaTest, DefaultsCanBeReadAndRequiredFieldsHaveNone) {
  google::protobuf::MessageFactory* factory = google::protobuf::MessageFactory::generated_factory();
  for (const FieldDescriptor* field : AllFields()) {
    const std::unique_ptr<google::protobuf::Message> message(factory->GetPrototype(field->containing_type())->New());
    EXPECT_EQ(SetDefault(*field, message.get()), !RuleOf(*field).default_().empty());
    EXPECT_FALSE(RuleOf(*field).required() && !RuleOf(*field).default_().empty()) << field->full_name();
  }
}

}  // namespace
}  // namespace banyan::config
