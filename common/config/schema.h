#ifndef BANYAN_COMMON_CONFIG_SCHEMA_H_
#define BANYAN_COMMON_CONFIG_SCHEMA_H_

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/field.pb.h"

namespace banyan::config {

// How the schema (proto/job.proto) is spelled in a job file. Everything that reads, checks or prints a job goes
// through here, so a new field or message needs no code.

const v1::FieldRule& RuleOf(const google::protobuf::FieldDescriptor& field);

// A message of one repeated field and nothing else is written as the list itself, and its field is not part of paths.
bool IsList(const google::protobuf::Descriptor& message);

// `parent.field`, or `parent` where the field is the one of a list; `parent` empty: the job.
std::string FieldPath(std::string_view parent, const google::protobuf::FieldDescriptor& field);
std::string ItemPath(std::string_view list, int index);

// The choices of a message of which exactly one must be made.
std::vector<const google::protobuf::OneofDescriptor*> ChoicesOf(const google::protobuf::Descriptor& message);
// Whether `field` is one of them.
bool IsChoice(const google::protobuf::FieldDescriptor& field);

std::vector<std::string> FieldNames(const google::protobuf::Descriptor& message);
std::vector<std::string> FieldNames(const google::protobuf::OneofDescriptor& choice);
// Those that the bare name in place of a message may stand for: choices that are messages.
std::vector<std::string> BareNames(const google::protobuf::Descriptor& message);

// Enum values are written in lower case; the zero value (`..._UNSPECIFIED`) cannot be written.
std::string EnumName(const google::protobuf::EnumValueDescriptor& value);
std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor& type);
const google::protobuf::EnumValueDescriptor* FindEnum(const google::protobuf::EnumDescriptor& type,
                                                      std::string_view name);

// What one value of `field` is, for "expected ..." and the reference: "a whole number, at least 1 (samples)".
std::string DescribeValue(const google::protobuf::FieldDescriptor& field);
// The bounds alone: "at least 1, at most 10", "above 0, below 1"; empty: none.
std::string DescribeBounds(const v1::FieldRule& rule);

// The fields of `message` that are present (repeated: not empty), in the order of the schema.
std::vector<const google::protobuf::FieldDescriptor*> PresentFields(const google::protobuf::Message& message);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_SCHEMA_H_
