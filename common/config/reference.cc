#include "common/config/reference.h"

#include <set>
#include <utility>

#include "common/base/check.h"
#include "common/config/diagnostic.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "google/protobuf/descriptor.h"
#include "proto/job.pb.h"

namespace banyan::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;

class ReferenceWriter {
 public:
  explicit ReferenceWriter(const google::protobuf::FileDescriptorSet& files) {
    for (const auto& file : files.file()) CHECK(commented_.BuildFile(file) != nullptr);
  }

  void Message(const Descriptor& message, const std::string& path) {
    if (message.field_count() == 0 || !written_.insert(message.full_name()).second) return;
    out_ += "\n### " + (path.empty() ? "The job" : "`" + path + "`") + "\n\n";
    if (const std::string about = Comment(*commented_.FindMessageTypeByName(message.full_name())); !about.empty()) {
      out_ += about + "\n\n";
    }
    out_ += "| field | holds | default | |\n|---|---|---|---|\n";
    for (int i = 0; i < message.field_count(); ++i) Field(*message.field(i));
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      if (field.message_type() == nullptr || IsSpelled(*field.message_type())) continue;
      Message(*field.message_type(), FieldPath(path, field) + (field.is_repeated() ? "[]" : ""));
    }
  }

  void Codes() {
    out_ += "\n## Codes\n\n| code | meaning |\n|---|---|\n";
    for (const CodeInfo& info : AllCodes()) {
      out_ += "| `" + std::string(info.name) + "` | " + std::string(info.meaning) + " |\n";
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  // The comment above a message or field, on one line.
  template <typename Descriptor>
  static std::string Comment(const Descriptor& descriptor) {
    google::protobuf::SourceLocation location;
    if (!descriptor.GetSourceLocation(&location)) return "";
    std::string out;
    for (const char c : location.leading_comments) {
      const bool space = c == '\n' || c == ' ';
      if (c == '|') out += '\\';
      if (!space || (!out.empty() && out.back() != ' ')) out += space ? ' ' : c;
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
  }

  void Field(const FieldDescriptor& field) {
    const v1::FieldRule& rule = RuleOf(field);
    const std::string holds = field.is_repeated() ? "a list of: " + DescribeValue(field) : DescribeValue(field);
    const std::string absent = IsChoice(field)             ? "one of these"
                               : rule.required()           ? "required"
                               : rule.default_().empty()   ? ""
                                                           : "`" + rule.default_() + "`";
    const Descriptor& type = *commented_.FindMessageTypeByName(field.containing_type()->full_name());
    out_ += "| `" + field.name() + "` | " + holds + " | " + absent + " | " +
            Comment(*type.FindFieldByName(field.name())) + " |\n";
  }

  DescriptorPool commented_;
  std::set<std::string> written_;
  std::string out_;
};

}  // namespace

std::string JobReference(const google::protobuf::FileDescriptorSet& files) {
  ReferenceWriter writer(files);
  writer.Message(*v1::Job::descriptor(), "");
  writer.Codes();
  return writer.Take();
}

}  // namespace banyan::config
