#include "common/config/override.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/config/bind.h"
#include "common/config/scalar.h"
#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "common/config/yaml_tree.h"

namespace banyan::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::string_view kForm = "'path=value', such as 'run.workers.max=8'";

class Override {
 public:
  Override(const std::string& argument, Message* job, Locations* locations, Diagnostics* diagnostics)
      : argument_(argument),
        source_(diagnostics->AddSource("--set", argument)),
        message_(job),
        locations_(locations),
        diagnostics_(diagnostics) {}

  void Apply() {
    const size_t equals = argument_.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Refuse(0, Quote(argument_) + " is no override", std::string(kForm));
    }
    size_t begin = 0;
    while (true) {
      const size_t end = std::min(argument_.find('.', begin), equals);
      const std::string_view segment = std::string_view(argument_).substr(begin, end - begin);
      if (end == equals) return Assign(segment, begin, equals + 1);
      if (!Enter(segment, begin)) return;
      begin = end + 1;
    }
  }

 private:
  Position At(size_t offset) const { return {source_, 1, static_cast<int>(offset) + 1}; }

  void Refuse(size_t offset, std::string message, std::string expected) {
    diagnostics_->Add({Code::kBadOverride, At(offset), path_, std::move(message), std::move(expected)});
  }

  const FieldDescriptor* FindField(std::string_view name, size_t offset) {
    const FieldDescriptor* field = message_->GetDescriptor()->FindFieldByName(std::string(name));
    if (field == nullptr) {
      const std::vector<std::string> names = FieldNames(*message_->GetDescriptor());
      diagnostics_->Add({Code::kUnknownField, At(offset), path_,
                         "unknown field " + Quote(name) + " in " + (path_.empty() ? "the job" : path_) +
                             DidYouMean(name, names),
                         names.empty() ? "no fields" : OneOf(names)});
    }
    return field;
  }

  // Goes on into the message that `segment` names: `field`, or `field[3]`.
  bool Enter(std::string_view segment, size_t offset) {
    const size_t bracket = segment.find('[');
    const FieldDescriptor* field = FindField(segment.substr(0, bracket), offset);
    if (field == nullptr) return false;
    path_ = FieldPath(path_, *field);
    if (field->message_type() == nullptr || IsSpelled(*field->message_type())) {
      Refuse(offset, path_ + " has no fields of its own", path_ + "=value");
      return false;
    }
    if (!field->is_repeated()) message_ = message_->GetReflection()->MutableMessage(message_, field);
    if (bracket == std::string_view::npos && !field->is_repeated()) return true;
    return EnterItem(field, bracket == std::string_view::npos ? "" : segment.substr(bracket), offset);
  }

  bool EnterItem(const FieldDescriptor* field, std::string_view index_text, size_t offset) {
    if (!field->is_repeated()) {
      if (!IsList(*field->message_type())) {
        Refuse(offset, path_ + " is no list", path_ + ".field=value");
        return false;
      }
      field = field->message_type()->field(0);
    }
    const int size = message_->GetReflection()->FieldSize(*message_, field);
    std::optional<uint64_t> index;
    if (index_text.size() > 2 && index_text.ends_with(']')) {
      index = ParseUnsigned(index_text.substr(1, index_text.size() - 2));
    }
    if (!index || *index >= static_cast<uint64_t>(size) || field->message_type() == nullptr) {
      Refuse(offset, path_ + " has no item " + Quote(index_text),
             size == 0 ? "the whole list" : path_ + "[0] to " + path_ + "[" + std::to_string(size - 1) + "]");
      return false;
    }
    path_ = ItemPath(path_, static_cast<int>(*index));
    message_ = message_->GetReflection()->MutableRepeatedMessage(message_, field, static_cast<int>(*index));
    return true;
  }

  void Assign(std::string_view name, size_t offset, size_t value_offset) {
    const FieldDescriptor* field = FindField(name, offset);
    if (field == nullptr) return;
    path_ = FieldPath(path_, *field);
    const std::string_view text = std::string_view(argument_).substr(value_offset);
    if (text.find_first_not_of(' ') == std::string_view::npos) {
      return Refuse(value_offset, path_ + " is given no value", DescribeValue(*field));
    }
    std::optional<Node> node = ParseYaml(text, At(value_offset), diagnostics_);
    if (!node) return;
    node->key_where = At(offset);
    Binder(locations_, diagnostics_).BindField(*node, *field, path_, message_);
  }

  const std::string& argument_;
  const int source_;
  Message* message_;
  std::string path_;
  Locations* const locations_;
  Diagnostics* const diagnostics_;
};

}  // namespace

void ApplyOverride(const std::string& argument, Message* job, Locations* locations, Diagnostics* diagnostics) {
  Override(argument, job, locations, diagnostics).Apply();
}

}  // namespace banyan::config
