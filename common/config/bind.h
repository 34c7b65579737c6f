#ifndef BANYAN_COMMON_CONFIG_BIND_H_
#define BANYAN_COMMON_CONFIG_BIND_H_

#include <string>

#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "common/config/node.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace banyan::config {

// Gives a YAML tree its types by the schema. Says everything that is wrong and reads the rest, so that one bad value
// does not hide another. Whether values are sensible is not asked here (validate.h).
class Binder {
 public:
  // Both outlive this.
  Binder(Locations* locations, Diagnostics* diagnostics) : locations_(locations), diagnostics_(diagnostics) {}

  // Sets the fields of `message` that `node` gives. `path`: of the message.
  void BindMessage(const Node& node, const std::string& path, google::protobuf::Message* message);

  // Sets one field of `message`, whatever it held. `path`: of the field.
  void BindField(const Node& node, const google::protobuf::FieldDescriptor& field, const std::string& path,
                 google::protobuf::Message* message);

 private:
  void BindEntry(const Node& node, const std::string& path, google::protobuf::Message* message);
  void BindBareName(const Node& node, const std::string& path, google::protobuf::Message* message);
  void BindItems(const Node& node, const google::protobuf::FieldDescriptor& field, const std::string& path,
                 google::protobuf::Message* message);
  // One value: of a field that is not repeated, or added to one that is.
  void BindValue(const Node& node, const google::protobuf::FieldDescriptor& field, const std::string& path,
                 google::protobuf::Message* message);
  bool SetScalar(const Node& node, const google::protobuf::FieldDescriptor& field,
                 google::protobuf::Message* message);
  void WrongType(const Node& node, const std::string& path, const std::string& expected);

  Locations* const locations_;
  Diagnostics* const diagnostics_;
};

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_BIND_H_
