#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/job_input.h"
#include "cli/report/progress.h"
#include "cli/report/table.h"
#include "common/base/status.h"
#include "common/config/defaults.h"
#include "common/config/print.h"
#include "common/data/held_out.h"
#include "common/file/file_util.h"
#include "common/file/roots.h"
#include "common/job/job_plan.h"
#include "common/model/describe_layer.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

// What indexing the data would find, as far as that is known without reading them. Nothing: it is not.
absl::StatusOr<std::optional<DataFacts>> GuessFacts(Environment& environment, const v1::Job& job,
                                                    const std::string& job_path) {
  const v1::Data& data = job.recipe().data();
  if (data.has_synthetic_regression()) {
    const v1::SyntheticRegression& made = data.synthetic_regression();
    const DataSplit split = SplitHeldOut(made.samples(), made.held_out());
    return DataFacts{.samples = split.training,
                     .held_out_samples = split.held_out,
                     .features = made.features(),
                     .targets = made.targets()};
  }
  // Of a table only the file's content tells.
  if (!data.has_text() || !job.recipe().model().has_gpt()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string path, environment.files.RealPath(job_path));
  ASSIGN_OR_RETURN(const Roots roots, Roots::Parse(environment.files, {absl::StrCat("data=", ParentPath(path))}));
  ASSIGN_OR_RETURN(const std::string text, roots.Resolve(environment.files, data.text().path()));
  ASSIGN_OR_RETURN(const FileInfo info, environment.files.Stat(text));
  const DataSplit split = SplitHeldOut(info.size, data.text().held_out());
  const uint64_t context = job.recipe().model().gpt().context();
  return DataFacts{.samples = TextSamples(split.training, context),
                   .held_out_samples = TextSamples(split.held_out, context),
                   .vocabulary = 256};
}

// Floating-point operations of a step's products, forward and backward.
double StepFlops(const JobPlan& plan) {
  const LayerCost cost = TotalCost(plan.graph);
  return (cost.forward_flops + cost.backward_flops) * static_cast<double>(plan.batch_samples);
}

std::string AsText(const JobPlan& plan) {
  return Table({
      {"  parameters", absl::StrCat(plan.graph.parameter_elements(), " in ", plan.graph.parameters.size(), " tensors")},
      {"  steps", absl::StrCat(plan.last_step)},
      {"  a step", absl::StrCat(plan.batch_samples, " samples in ", plan.leaves, " leaves of ", plan.leaf_samples)},
      {"  work", absl::StrFormat("%.3g FLOP a step, %.3g in all", StepFlops(plan),
                                 StepFlops(plan) * static_cast<double>(plan.last_step))},
      {"  data", absl::StrCat(plan.training_samples, " samples, ",
                              absl::StrFormat("%.2f epochs", static_cast<double>(plan.last_step * plan.batch_samples) /
                                                                 static_cast<double>(plan.training_samples)))},
  });
}

std::string AsJson(const v1::Job& job, const std::optional<JobPlan>& plan) {
  nlohmann::ordered_json json = {{"valid", true}, {"name", job.name()}};
  if (plan) {
    json["parameters"] = plan->graph.parameter_elements();
    json["steps"] = plan->last_step;
    json["batch_samples"] = plan->batch_samples;
    json["leaves"] = plan->leaves;
    json["flops_per_step"] = StepFlops(*plan);
    json["training_samples"] = plan->training_samples;
  }
  return json.dump() + "\n";
}

}  // namespace

ExitCode ValidateCommand(Environment& environment, std::span<const std::string> arguments) {
  JobFlags job_flags;
  OutputFlag output;
  bool full = false;
  Flags flags({.command = "validate",
               .arguments = "JOB",
               .summary = "Checks a job file and says what it means; ends with 3 where it is wrong. No cluster is\n"
                          "needed. A data file that is not here is told, for it may be elsewhere.",
               .least = 1,
               .most = 1});
  flags.AddSwitch("full", &full, "print the job with every default in force");
  job_flags.AddSetTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::string& path = flags.arguments().front();
  ExitCode code = ExitCode::kDone;
  const std::optional<v1::Job> read = ReadJobFile(environment, path, job_flags, &code);
  if (!read) return code;
  const v1::Job job = config::WithDefaults(*read);
  if (full) {
    environment.out << (output.json() ? config::PrintJson(job) : config::PrintYaml(job));
    return ExitCode::kDone;
  }

  std::optional<JobPlan> plan;
  const absl::StatusOr<std::optional<DataFacts>> facts = GuessFacts(environment, job, path);
  if (!facts.ok()) {
    environment.err << "banyan: note: " << facts.status().message() << std::endl;
  } else if (facts->has_value()) {
    absl::StatusOr<JobPlan> made = JobPlan::Make(job, **facts, "");
    if (!made.ok()) {
      Fail(environment, made.status());
      return ExitCode::kBadConfig;
    }
    plan = *std::move(made);
  }
  if (output.json()) {
    environment.out << AsJson(job, plan);
  } else {
    environment.out << path << ": valid\n" << (plan ? AsText(*plan) : "");
  }
  return ExitCode::kDone;
}

}  // namespace banyan::cli
