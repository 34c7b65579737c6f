#ifndef BANYAN_COMMON_CONFIG_OVERRIDE_H_
#define BANYAN_COMMON_CONFIG_OVERRIDE_H_

#include <string>

#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "google/protobuf/message.h"

namespace banyan::config {

// Applies one argument of --set, `run.workers.max=8`, to `job`. What stands behind the `=` is YAML and is read as in a
// file: `recipe.until={epochs: 2}`, `recipe.optimizer.adamw.betas=[0.9, 0.95]`. An item of a list of messages is
// `recipe.model.layers[0].linear.units=8`. Of several choices the one that is set replaces the other. Errors show the
// argument as a source named `--set`.
void ApplyOverride(const std::string& argument, google::protobuf::Message* job, Locations* locations,
                   Diagnostics* diagnostics);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_OVERRIDE_H_
