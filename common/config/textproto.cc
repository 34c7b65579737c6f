#include "common/config/textproto.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/config/schema.h"
#include "common/config/spelled.h"
#include "common/config/yaml_tree.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace banyan::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

// protobuf counts from 0 and goes on to the next multiple of eight at a tab; positions count bytes from 1.
class PlaceMaker {
 public:
  PlaceMaker(std::string_view text, int source) : source_(source) {
    size_t begin = 0;
    for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', begin)) {
      lines_.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    lines_.push_back(text.substr(begin));
  }

  Position At(int line, int column) const {
    if (line < 0) return {};
    line = std::min(line, static_cast<int>(lines_.size()) - 1);
    int byte = 0;
    for (int at = 0; at < column; ++byte) {
      const bool tab = byte < static_cast<int>(lines_[line].size()) && lines_[line][byte] == '\t';
      at = tab ? (at / 8 + 1) * 8 : at + 1;
    }
    return {source_, line + 1, byte + 1};
  }

 private:
  const int source_;
  std::vector<std::string_view> lines_;
};

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (!message_.empty()) return;
    line_ = line;
    column_ = column;
    message_ = message;
  }

  int line_ = 0;
  int column_ = 0;
  std::string message_;
};

void Locate(const Message& message, const std::string& path, const TextFormat::ParseInfoTree& tree,
            const PlaceMaker& places, Locations* locations) {
  for (const FieldDescriptor* field : PresentFields(message)) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    const int size = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      const std::string field_path = FieldPath(path, *field);
      const std::string item = field->is_repeated() ? ItemPath(field_path, i) : field_path;
      const auto location = tree.GetLocation(field, field->is_repeated() ? i : -1);
      const Position place = places.At(location.line, location.column);
      if (place.known()) locations->Set(item, place, place);
      if (field->is_repeated() && i == 0 && place.known()) locations->Set(field_path, place, place);
      if (field->message_type() == nullptr || IsSpelled(*field->message_type())) continue;
      const TextFormat::ParseInfoTree* nested = tree.GetTreeForNested(field, field->is_repeated() ? i : -1);
      if (nested == nullptr) continue;
      Locate(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                  : reflection.GetMessage(message, field),
             item, *nested, places, locations);
    }
  }
}

// "Message type "banyan.v1.Batch" has no field named "leav"." in the words of the YAML reader.
bool UnknownField(const std::string& message, Position where, Diagnostics* diagnostics) {
  constexpr std::string_view kType = "Message type \"";
  constexpr std::string_view kField = "\" has no field named \"";
  const size_t middle = message.find(kField);
  if (!message.starts_with(kType) || middle == std::string::npos) return false;
  const std::string type = message.substr(kType.size(), middle - kType.size());
  const size_t begin = middle + kField.size();
  const std::string name = message.substr(begin, message.find('"', begin) - begin);
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (descriptor == nullptr) return false;
  const std::vector<std::string> names = FieldNames(*descriptor);
  diagnostics->Add({Code::kUnknownField, where, "",
                    "unknown field " + Quote(name) + " in " + descriptor->name() + DidYouMean(name, names),
                    names.empty() ? "no fields" : OneOf(names)});
  return true;
}

}  // namespace

bool ParseTextproto(const std::string& text, int source, Message* message, Locations* locations,
                    Diagnostics* diagnostics) {
  if (!CheckText(text, source, diagnostics)) return false;
  const PlaceMaker places(text, source);
  FirstError error;
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.SetRecursionLimit(kMaxDepth);
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&tree);
  if (parser.ParseFromString(text, message)) {
    locations->Set("", {source, 1, 1}, {source, 1, 1});
    Locate(*message, "", tree, places, locations);
    return true;
  }
  const Position where = places.At(std::max(error.line_, 0), std::max(error.column_, 0));
  if (UnknownField(error.message_, where, diagnostics)) return false;
  std::string_view what = error.message_.empty() ? "the text cannot be parsed" : std::string_view(error.message_);
  if (what.ends_with('.')) what.remove_suffix(1);
  const bool deep = what.find("too deep") != std::string_view::npos;
  diagnostics->Add({deep ? Code::kTooDeep : Code::kSyntax, where, "", std::string(what)});
  return false;
}

}  // namespace banyan::config
