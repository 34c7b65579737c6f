#include "common/config/yaml_tree.h"

#include <exception>
#include <sstream>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/config/utf8.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace banyan::config {
namespace {

using YAML::Mark;

// Turns events into a tree. yaml-cpp can only be stopped by an exception, so after a refusal it runs on and what it
// says is dropped; its own depth limit (500) and the file's size bound that.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, Position origin, Diagnostics* diagnostics)
      : text_(text), origin_(origin), diagnostics_(diagnostics) {}

  Node TakeRoot() { return std::move(root_); }

  Position Place(const Mark& mark) const {
    if (mark.is_null()) return origin_;
    return {origin_.source, origin_.line + mark.line, mark.column + (mark.line == 0 ? origin_.column : 1)};
  }

  void OnDocumentStart(const Mark& mark) override {
    if (++documents_ == 2) {
      Refuse(Code::kSeveralDocuments, mark, "a second document starts here", "one job a file");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const Mark& mark, YAML::anchor_t) override {
    // yaml-cpp takes these words for nothing; where a string is due they are words.
    const std::string_view rest =
        mark.pos >= 0 && static_cast<size_t>(mark.pos) < text_.size() ? text_.substr(mark.pos) : "";
    for (const std::string_view word : {"null", "Null", "NULL", "~"}) {
      if (rest.starts_with(word)) return Scalar(mark, std::string(word));
    }
    Node node;
    node.where = HasKey() ? frames_.back().key_where : Place(mark);
    Finish(std::move(node));
  }

  void OnAlias(const Mark& mark, YAML::anchor_t) override {
    Refuse(Code::kAnchor, mark, "an alias is not allowed in a job file", "the value itself");
    Finish(Node{.where = Place(mark)});
  }

  void OnAnchor(const Mark& mark, const std::string& name) override {
    Refuse(Code::kAnchor, mark, "anchor " + Quote("&" + name) + " is not allowed in a job file", "the value itself");
  }

  void OnScalar(const Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    CheckTag(mark, tag);
    Scalar(mark, value);
  }

  void OnSequenceStart(const Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open(Node::Kind::kList, mark, tag);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    Open(Node::Kind::kMap, mark, tag);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Node node;
    bool has_key = false;
    std::string key = {};
    Position key_where = {};
    std::unordered_set<std::string> keys = {};
  };

  bool HasKey() const { return !frames_.empty() && frames_.back().has_key; }

  void Refuse(Code code, const Mark& mark, std::string message, std::string expected) {
    diagnostics_->Add({code, Place(mark), "", std::move(message), std::move(expected)});
  }

  void CheckTag(const Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    Refuse(Code::kTag, mark, "tag " + Quote(tag) + " is not allowed in a job file", "the value alone");
  }

  void Scalar(const Mark& mark, const std::string& value) {
    Finish(Node{.kind = Node::Kind::kScalar, .where = Place(mark), .text = value});
  }

  void Open(Node::Kind kind, const Mark& mark, const std::string& tag) {
    CheckTag(mark, tag);
    if (too_deep_ > 0 || frames_.size() >= static_cast<size_t>(kMaxDepth)) {
      if (++too_deep_ == 1) {
        Refuse(Code::kTooDeep, mark, "nested more than " + std::to_string(kMaxDepth) + " levels deep", "");
      }
      return;
    }
    frames_.push_back(Frame{.node = Node{.kind = kind, .where = Place(mark)}});
  }

  void Close() {
    if (too_deep_ > 0) {
      if (--too_deep_ == 0) Finish(Node{});
      return;
    }
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    Finish(std::move(node));
  }

  void Finish(Node node) {
    if (too_deep_ > 0) return;
    if (frames_.empty()) {
      if (documents_ == 1) root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == Node::Kind::kList) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      StartEntry(&frame, std::move(node));
    } else {
      node.key = std::move(frame.key);
      node.key_where = frame.key_where;
      frame.has_key = false;
      frame.node.items.push_back(std::move(node));
    }
  }

  void StartEntry(Frame* frame, Node key) {
    if (key.kind != Node::Kind::kScalar) {
      diagnostics_->Add({Code::kSyntax, key.where, "", "the name of a field is not plain text", "'name: value'"});
    } else if (!frame->keys.insert(key.text).second) {
      diagnostics_->Add({Code::kDuplicateKey, key.where, "", Quote(key.text) + " is given twice", "each field once"});
    }
    frame->has_key = true;
    frame->key = std::move(key.text);
    frame->key_where = key.where;
  }

  const std::string_view text_;
  const Position origin_;
  Diagnostics* const diagnostics_;
  std::vector<Frame> frames_;
  Node root_;
  int documents_ = 0;
  int too_deep_ = 0;
};

// What to look for, where yaml-cpp's words alone would not help.
std::string Hint(const std::string& message) {
  if (message == YAML::ErrorMsg::MAP_VALUE || message == YAML::ErrorMsg::END_OF_MAP) {
    return "lines of the form 'name: value', the names of one level in one column";
  }
  if (message == YAML::ErrorMsg::TAB_IN_INDENTATION) return "spaces";
  if (message == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "']'";
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW) return "'}'";
  return "";
}

}  // namespace

bool CheckText(std::string_view text, int source, Diagnostics* diagnostics) {
  if (text.size() > kMaxFileBytes) {
    diagnostics->Add({Code::kTooLarge, {}, "",
                      "the file has " + std::to_string(text.size()) + " bytes",
                      "at most " + std::to_string(kMaxFileBytes) + " bytes"});
    return false;
  }
  Position where{source, 1, 1};
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text.substr(i));
    if (length == 0) {
      diagnostics->Add({Code::kNotUtf8, where, "", "this byte is no part of UTF-8 text", "a text file in UTF-8"});
      return false;
    }
    where.column += static_cast<int>(length);
    if (text[i] == '\n') {
      ++where.line;
      where.column = 1;
    }
    i += length;
  }
  return true;
}

std::optional<Node> ParseYaml(std::string_view text, Position origin, Diagnostics* diagnostics) {
  const size_t before = diagnostics->size();
  if (!CheckText(text, origin.source, diagnostics)) return std::nullopt;
  TreeBuilder builder(text, origin, diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      diagnostics->Add({Code::kSyntax, origin, "", "the file is empty", "a job"});
    } else {
      parser.HandleNextDocument(builder);
    }
  } catch (const YAML::Exception& error) {
    // Its own depth limit speaks of a bad file at the outermost bracket; ours has spoken before.
    if (error.msg != YAML::ErrorMsg::BAD_FILE || diagnostics->size() == before) {
      diagnostics->Add({Code::kSyntax, builder.Place(error.mark), "", error.msg, Hint(error.msg)});
    }
  } catch (const std::exception& error) {
    diagnostics->Add({Code::kSyntax, origin, "", std::string("the file cannot be parsed: ") + error.what()});
  }
  if (diagnostics->size() != before) return std::nullopt;
  return builder.TakeRoot();
}

}  // namespace banyan::config
