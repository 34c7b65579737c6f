#ifndef BANYAN_COMMON_CONFIG_LOCATIONS_H_
#define BANYAN_COMMON_CONFIG_LOCATIONS_H_

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/config/diagnostic.h"

namespace banyan::config {

// Where the fields of a job were written, by path (`recipe.batch.leaf`; the job itself: ``).
// Thread-compatible.
class Locations {
 public:
  void Set(const std::string& path, Position key, Position value) { places_[path] = {key, value}; }

  // Of a field's value; of the nearest field around it that was written, where it was not. Unknown where there is none.
  Position OfValue(std::string_view path) const { return Find(path).value; }
  // Of a field's name, likewise.
  Position OfKey(std::string_view path) const { return Find(path).key; }

  // A field that was written, but could not be read, is not missing.
  void MarkUnread(const std::string& path) { unread_.insert(path); }
  bool IsUnread(const std::string& path) const { return unread_.contains(path); }

 private:
  struct Place {
    Position key;
    Position value;
  };

  Place Find(std::string_view path) const {
    const auto found = places_.find(path);
    if (found != places_.end()) return found->second;
    if (path.empty()) return {};
    const size_t end = path.find_last_of(".[");
    // An enclosing field is meant as a whole: its name is the place.
    const Place around = Find(path.substr(0, end == std::string_view::npos ? 0 : end));
    return {around.key, around.key};
  }

  std::map<std::string, Place, std::less<>> places_;
  std::set<std::string> unread_;
};

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_LOCATIONS_H_
