#ifndef BANYAN_TESTS_ARCHITECTURE_SOURCE_RULES_H_
#define BANYAN_TESTS_ARCHITECTURE_SOURCE_RULES_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The rules of ARCHITECTURE.md and CONTRIBUTING.md that a program can check, on one file's text at a time. Pure.
namespace banyan::architecture {

struct Finding {
  std::string path;  // from the root: "server/shard/shard.cc"
  int line = 0;      // from 1; 0: the whole file
  std::string text;

  friend bool operator==(const Finding&, const Finding&) = default;
};

// `path:line: text`, as a compiler would.
std::string ToString(const Finding& finding);

// What breaks a rule in the file `path`:
//   layers     tests -> {main.cc, cli} -> {server, worker, coordinator} -> common -> proto; no role includes another
//   service    inside a role only main.cc includes what lies in its service/
//   libraries  gRPC, protobuf, CUDA, oneDNN, SQLite and their like stay in the folders that wrap them
//   guards     BANYAN_PATH_FILE_H_ in every header
//   words      notes to oneself; sleeping in a test; reading the environment outside main.cc
std::vector<Finding> CheckSource(const std::string& path, std::string_view text);

// Files and lines that are longer than the house style likes. Advice, not rules.
std::vector<Finding> CheckSizes(const std::string& path, std::string_view text);

// Folders (of a role or of common/) that include each other, tests apart; `files` are (path, text). Advice.
std::vector<Finding> FindMutualFolders(const std::vector<std::pair<std::string, std::string>>& files);

// Relative targets of a Markdown file's links, without their #anchors: "docs/protocol.md".
std::vector<Finding> RelativeLinks(const std::string& path, std::string_view text);

}  // namespace banyan::architecture

#endif  // BANYAN_TESTS_ARCHITECTURE_SOURCE_RULES_H_
