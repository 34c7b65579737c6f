#include "common/config/defaults.h"

#include <optional>

#include "common/base/check.h"
#include "common/config/bind.h"
#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "common/config/yaml_tree.h"

namespace banyan::config {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool SetDefault(const FieldDescriptor& field, Message* message) {
  const std::string& text = RuleOf(field).default_();
  if (text.empty()) return false;
  Diagnostics diagnostics;
  Locations locations;
  const std::optional<Node> node = ParseYaml(text, {diagnostics.AddSource(field.full_name(), text), 1, 1},
                                             &diagnostics);
  if (node) Binder(&locations, &diagnostics).BindField(*node, field, field.name(), message);
  // A wrong default in the schema is ours.
  CHECK_EQ(diagnostics.Format(), "");
  return true;
}

void FillDefaults(Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  const Reflection& reflection = *message->GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool has_fields = field.message_type() != nullptr && !IsSpelled(*field.message_type());
    if (field.is_repeated()) {
      if (reflection.FieldSize(*message, &field) == 0) SetDefault(field, message);
      for (int k = 0; has_fields && k < reflection.FieldSize(*message, &field); ++k) {
        FillDefaults(reflection.MutableRepeatedMessage(message, &field, k));
      }
      continue;
    }
    if (!reflection.HasField(*message, &field) && (IsChoice(field) || !SetDefault(field, message))) continue;
    if (has_fields) FillDefaults(reflection.MutableMessage(message, &field));
  }
}

v1::Job WithDefaults(v1::Job job) {
  FillDefaults(&job);
  return job;
}

}  // namespace banyan::config
