#include "common/config/job_file.h"

#include <optional>

#include "common/config/availability.h"
#include "common/config/bind.h"
#include "common/config/defaults.h"
#include "common/config/field_rules.h"
#include "common/config/job_rules.h"
#include "common/config/locations.h"
#include "common/config/override.h"
#include "common/config/textproto.h"
#include "common/config/yaml_tree.h"

namespace banyan::config {
namespace {

bool IsTextproto(std::string_view name) {
  return name.ends_with(".textproto") || name.ends_with(".txtpb") || name.ends_with(".pbtxt");
}

bool Parse(const std::string& name, const std::string& text, v1::Job* job, Locations* locations,
           Diagnostics* diagnostics) {
  const int source = diagnostics->AddSource(name, text);
  if (IsTextproto(name)) return ParseTextproto(text, source, job, locations, diagnostics);
  const std::optional<Node> root = ParseYaml(text, {source, 1, 1}, diagnostics);
  if (!root) return false;
  locations->Set("", root->where, root->where);
  if (root->kind == Node::Kind::kNull) {
    diagnostics->Add({Code::kSyntax, {source, 1, 1}, "", "the file is empty", "a job"});
    return false;
  }
  Binder(locations, diagnostics).BindMessage(*root, "", job);
  return true;
}

void Validate(const v1::Job& job, const Locations& locations, Diagnostics* diagnostics) {
  CheckFields(job, "", locations, diagnostics);
  const v1::Job full = WithDefaults(job);
  CheckJob(full, locations, diagnostics);
  CheckAvailable(full, locations, diagnostics);
}

}  // namespace

ReadJobResult ReadJob(const std::string& name, const std::string& text, const std::vector<std::string>& overrides) {
  ReadJobResult result;
  Locations locations;
  if (!Parse(name, text, &result.job, &locations, &result.diagnostics)) return result;
  for (const std::string& argument : overrides) {
    ApplyOverride(argument, &result.job, &locations, &result.diagnostics);
  }
  Validate(result.job, locations, &result.diagnostics);
  return result;
}

Diagnostics ValidateJob(const v1::Job& job) {
  Diagnostics diagnostics;
  Validate(job, Locations(), &diagnostics);
  return diagnostics;
}

}  // namespace banyan::config
