#include "tests/architecture/source_rules.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

namespace banyan::architecture {
namespace {

using Strings = std::vector<std::string_view>;

std::string Join(const Strings& strings) {
  std::string joined;
  for (const std::string_view string : strings) joined.append(joined.empty() ? "" : ", ").append(string);
  return joined;
}

std::string_view Top(std::string_view path) { return path.substr(0, path.find('/')); }
std::string_view Folder(std::string_view path) { return path.substr(0, path.rfind('/') + 1); }
std::string_view Name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool IsRole(std::string_view top) { return top == "server" || top == "worker" || top == "coordinator"; }
bool IsMain(std::string_view path) { return Name(path) == "main.cc"; }
bool IsHeader(std::string_view path) { return path.ends_with(".h"); }
bool IsCode(std::string_view path) {
  return IsHeader(path) || path.ends_with(".cc") || path.ends_with(".inc") || path.ends_with(".cu");
}
// Tests and what only tests use.
bool IsTest(std::string_view path) {
  const std::string_view name = Name(path);
  return Top(path) == "tests" || Contains(name, "_test.") || Contains(name, "_fixture.") ||
         Contains(name, "_benchmark.") || Contains(name, "_fuzz.") || name.starts_with("fake_") ||
         name.starts_with("toy_");
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// What stands between the quotes or brackets of an #include or an import; nothing for any other line.
std::optional<std::string_view> Included(std::string_view line) {
  if (!line.starts_with("#include ") && !line.starts_with("import ")) return std::nullopt;
  const size_t begin = line.find_first_of("\"<");
  const size_t end = line.find_last_of("\">");
  if (begin == std::string_view::npos || end <= begin) return std::nullopt;
  return line.substr(begin + 1, end - begin - 1);
}

// ---- Layers.

// 0 is the lowest; a folder may include its own level only where it is the same folder. -1: not ours.
int LayerOf(std::string_view path) {
  const std::string_view top = Top(path);
  if (top == path) return -1;
  if (top == "proto") return 0;
  if (top == "common") return 1;
  if (IsRole(top)) return 2;
  if (top == "cli") return 3;
  if (top == "tests") return 4;
  return -1;
}

std::string WrongLayer(std::string_view path, std::string_view included) {
  const int from = LayerOf(path);
  const int to = LayerOf(included);
  if (from < 0 || to < 0 || Top(path) == Top(included)) return "";
  if (from > to) return "";
  if (IsRole(Top(path)) && IsRole(Top(included))) {
    return "includes another role's '" + std::string(included) + "'; roles meet in common/ and proto/";
  }
  return "includes '" + std::string(included) +
         "' of a higher layer; allowed is tests -> {main.cc, cli} -> {server, worker, coordinator} -> common -> proto";
}

std::string WrongService(std::string_view path, std::string_view included) {
  const std::string_view top = Top(path);
  const std::string service = std::string(top) + "/service/";
  if (!IsRole(top) || !included.starts_with(service) || path.starts_with(service) || IsMain(path)) return "";
  return "includes '" + std::string(included) + "'; only main.cc knows the service, the domain never does";
}

// ---- Libraries.

// A library's headers, and the folders that may know them. main.cc and tests may know any.
struct Confined {
  std::string_view what;
  Strings headers;  // prefixes
  Strings folders;  // prefixes
};

const std::vector<Confined>& Libraries() {
  static const std::vector<Confined> libraries = {
      {"gRPC", {"grpc/", "grpcpp/"}, {"common/rpc/", "worker/client/", "cli/"}},
      // A job and a manifest are plain data to the domain; other messages are the edge's.
      {"messages of services",
       {"proto/client", "proto/cluster", "proto/parameter_server", "proto/tensor"},
       {"common/rpc/", "worker/client/", "coordinator/store/", "cli/"}},
      {"the store's records", {"proto/store"}, {"coordinator/store/"}},
      // bazel/: what is precompiled; the ThreadSanitizer build goes without it.
      {"protobuf", {"google/protobuf/"}, {"common/checkpoint/", "common/config/", "common/rpc/", "cli/", "bazel/"}},
      {"CUDA", {"cuda", "cublas", "cudnn", "nccl"}, {"worker/device/cuda/"}},
      {"oneDNN", {"oneapi/", "dnnl", "omp.h"}, {"worker/device/", "worker/layers/cpu/"}},
      {"SQLite", {"sqlite3"}, {"coordinator/store/"}},
      {"spdlog and fmt", {"spdlog/", "fmt/"}, {"common/logging/"}},
      {"Prometheus", {"prometheus/"}, {"common/metrics/"}},
      {"yaml-cpp", {"yaml-cpp/"}, {"common/config/"}},
      {"absl::Mutex, which thread sanitizers misread", {"absl/synchronization/"}, {"common/rpc/"}},
  };
  return libraries;
}

std::string WrongLibrary(std::string_view path, std::string_view included) {
  if (IsTest(path) || IsMain(path) || path.ends_with(".proto")) return "";
  const std::string_view folder = Folder(path);
  if (IsRole(Top(path)) && folder.starts_with(std::string(Top(path)) + "/service/")) return "";
  for (const Confined& library : Libraries()) {
    const auto is_prefix_of = [](std::string_view whole) {
      return [whole](std::string_view prefix) { return whole.starts_with(prefix); };
    };
    if (std::none_of(library.headers.begin(), library.headers.end(), is_prefix_of(included))) continue;
    if (std::any_of(library.folders.begin(), library.folders.end(), is_prefix_of(folder))) continue;
    const std::string folders = library.folders.empty() ? "" : Join(library.folders) + ", ";
    return "includes '" + std::string(included) + "' (" + std::string(library.what) + "), which only " + folders +
           "services, tests and main.cc may";
  }
  return "";
}

// ---- Guards.

std::string GuardOf(std::string_view path) {
  std::string guard = "BANYAN_";
  for (const char c : path) guard += std::isalnum(static_cast<unsigned char>(c)) ? std::toupper(c) : '_';
  return guard + "_";
}

void CheckGuard(const std::string& path, const std::vector<std::string_view>& lines, std::vector<Finding>& findings) {
  const std::string guard = GuardOf(path);
  // A header that is meant to be included without one says so at its top.
  for (size_t i = 0; i < lines.size() && lines[i].starts_with("//"); ++i) {
    if (Contains(lines[i], "No include guard")) return;
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("#ifndef ")) continue;
    if (lines[i] == "#ifndef " + guard && i + 1 < lines.size() && lines[i + 1] == "#define " + guard) return;
    findings.push_back({path, static_cast<int>(i + 1), "has another include guard than " + guard});
    return;
  }
  findings.push_back({path, 0, "has no include guard; expected " + guard});
}

// ---- Words. Written in halves, so that this file does not find itself.

bool IsWordAt(std::string_view line, size_t at, size_t size) {
  const auto is_part = [line](size_t i) {
    return i < line.size() && (std::isalnum(static_cast<unsigned char>(line[i])) || line[i] == '_');
  };
  return !(at > 0 && is_part(at - 1)) && !is_part(at + size);
}

bool HasWord(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    if (IsWordAt(line, at, word.size())) return true;
  }
  return false;
}

std::string WrongWord(std::string_view path, std::string_view line) {
  for (const std::string_view note : {"TO" "DO", "FIX" "ME", "XX" "X"}) {
    if (HasWord(line, note)) return "says " + std::string(note) + "; do it, or open an issue";
  }
  if (!IsCode(path)) return "";
  if (IsTest(path)) {  // which may ask Bazel, by its environment, where its files lie
    for (const std::string_view sleep : {"sleep" "_for", "sleep" "_until", "Sleep" "For", "u" "sleep"}) {
      if (HasWord(line, sleep)) {
        return "sleeps in a test; use a fake clock, or wait for a condition with a deadline";
      }
    }
  } else if (!IsMain(path)) {
    for (const std::string_view read : {"get" "env", "secure_get" "env"}) {
      if (HasWord(line, read)) return "reads the environment; only main.cc does, and passes on what it found";
    }
  }
  return "";
}

}  // namespace

std::string ToString(const Finding& finding) {
  return finding.path + ":" + std::to_string(finding.line) + ": " + finding.text;
}

std::vector<Finding> CheckSource(const std::string& path, std::string_view text) {
  std::vector<Finding> findings;
  const std::vector<std::string_view> lines = Lines(text);
  const auto check = [&](size_t line, const std::string& wrong) {
    if (!wrong.empty()) findings.push_back({path, static_cast<int>(line + 1), wrong});
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    check(i, WrongWord(path, lines[i]));
    const std::optional<std::string_view> included = Included(lines[i]);
    if (!included.has_value() || !(IsCode(path) || path.ends_with(".proto"))) continue;
    check(i, WrongLayer(path, *included));
    check(i, WrongService(path, *included));
    check(i, WrongLibrary(path, *included));
  }
  if (IsHeader(path)) CheckGuard(path, lines, findings);
  return findings;
}

std::vector<Finding> CheckSizes(const std::string& path, std::string_view text) {
  const std::string_view name = Name(path);
  size_t limit = 0;
  if (name == "BUILD" || IsHeader(path)) limit = 150;
  if (path.ends_with(".cc") || path.ends_with(".inc")) limit = IsTest(path) ? 500 : 300;
  if (name == "README.md" && path != name) limit = 60;
  if (name == "ARCHITECTURE.md") limit = 250;
  std::vector<Finding> findings;
  const std::vector<std::string_view> lines = Lines(text);
  if (limit > 0 && lines.size() > limit) {
    findings.push_back({path, 0, "has " + std::to_string(lines.size()) + " lines; the house's limit is " +
                                     std::to_string(limit)});
  }
  for (size_t i = 0; i < lines.size() && IsCode(path); ++i) {
    if (lines[i].size() > 120) {
      findings.push_back({path, static_cast<int>(i + 1), "is " + std::to_string(lines[i].size()) + " columns wide"});
    }
  }
  return findings;
}

std::vector<Finding> FindMutualFolders(const std::vector<std::pair<std::string, std::string>>& files) {
  // An example file for each folder that includes another; folders of one module (`x` and `x/y`) are one.
  std::map<std::pair<std::string, std::string>, std::string> edges;
  for (const auto& [path, text] : files) {
    if (!IsCode(path) || IsTest(path)) continue;
    for (const std::string_view line : Lines(text)) {
      const std::optional<std::string_view> included = Included(line);
      if (!included.has_value() || LayerOf(*included) < 0) continue;
      const std::string from(Folder(path)), to(Folder(*included));
      if (!from.starts_with(to) && !to.starts_with(from)) edges.emplace(std::pair(from, to), path);
    }
  }
  std::vector<Finding> findings;
  for (const auto& [edge, path] : edges) {
    const auto back = edges.find({edge.second, edge.first});
    if (back == edges.end() || edge.second < edge.first) continue;
    findings.push_back({path, 0, "includes " + edge.second + ", and " + back->second + " includes " + edge.first});
  }
  return findings;
}

std::vector<Finding> RelativeLinks(const std::string& path, std::string_view text) {
  std::vector<Finding> links;
  const std::vector<std::string_view> lines = Lines(text);
  bool in_code = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("```")) in_code = !in_code;
    for (size_t at = lines[i].find("]("); !in_code && at != std::string_view::npos; at = lines[i].find("](", at + 2)) {
      const size_t end = lines[i].find(')', at);
      if (end == std::string_view::npos) break;
      std::string_view target = lines[i].substr(at + 2, end - at - 2);
      target = target.substr(0, target.find('#'));
      if (target.empty() || Contains(target, "://")) continue;
      links.push_back({path, static_cast<int>(i + 1), std::string(target)});
    }
  }
  return links;
}

}  // namespace banyan::architecture
