#include "common/checkpoint/strict_json.h"

#include <exception>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace banyan {
namespace {

using Json = nlohmann::json;

// Builds nothing; remembers the keys of the objects that are open.
class Checker final : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(size_t max_depth) : max_depth_(max_depth) {}

  const std::string& error() const { return error_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (open_.back().insert(name).second) return true;
    error_ = absl::StrCat("key '", absl::CHexEscape(name.substr(0, 200)), "' appears twice in one object");
    return false;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& exception) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": the part after the last number.
    std::string reason = exception.what();
    const size_t colon = reason.find(": ");
    if (colon != std::string::npos) reason = reason.substr(colon + 2);
    error_ = absl::StrCat("not JSON at byte ", position, ": ", reason.substr(0, 300));
    return false;
  }

 private:
  bool Open() {
    if (open_.size() == max_depth_) {
      error_ = absl::StrCat("nested more than ", max_depth_, " deep");
      return false;
    }
    open_.emplace_back();
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  const size_t max_depth_;
  std::vector<std::unordered_set<std::string>> open_;
  std::string error_;
};

}  // namespace

absl::Status CheckStrictJson(std::string_view text, size_t max_depth) {
  if (text.starts_with("\xef\xbb\xbf")) return absl::InvalidArgumentError("starts with a byte order mark");
  Checker checker(max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &checker)) return absl::InvalidArgumentError(checker.error());
  return absl::OkStatus();
}

}  // namespace banyan
