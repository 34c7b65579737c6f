#include "common/optimizer/factory.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/optimizer/adam.h"
#include "common/optimizer/momentum.h"
#include "common/optimizer/sgd.h"
#include "proto/field.pb.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Defaults stand in the schema and nowhere else.
std::vector<double> DefaultOf(const FieldDescriptor& field) {
  std::string text = field.options().GetExtension(v1::rule).default_();
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '[' || c == ']'; }), text.end());
  std::vector<double> values;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    values.push_back(std::strtod(std::string(part).c_str(), nullptr));
  }
  return values;
}

const FieldDescriptor& FieldOf(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  CHECK(field != nullptr);
  return *field;
}

// A number that is given, or its default.
double Number(const Message& message, const char* name) {
  const FieldDescriptor& field = FieldOf(message, name);
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!reflection.HasField(message, &field)) return DefaultOf(field).at(0);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
    return static_cast<double>(reflection.GetUInt64(message, &field));
  }
  return reflection.GetDouble(message, &field);
}

template <typename Kind>
AdamOptions AdamOptionsOf(const Kind& kind) {
  std::vector<double> betas(kind.betas().begin(), kind.betas().end());
  if (betas.empty()) betas = DefaultOf(FieldOf(kind, "betas"));
  betas.resize(2);
  return {
      .beta1 = betas[0],
      .beta2 = betas[1],
      .epsilon = Number(kind, "epsilon"),
      .weight_decay = Number(kind, "weight_decay"),
  };
}

// What the rules' arithmetic stands on, whoever validated the job.
absl::Status CheckBetas(int given, const AdamOptions& options) {
  const bool in_range = options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1;
  if ((given == 0 || given == 2) && in_range) return absl::OkStatus();
  return absl::InvalidArgumentError("optimizer: 'betas' must be two numbers of at least 0 and below 1");
}

template <typename Kind>
OptimizerPlan PlanOf(const Kind& kind, std::unique_ptr<const UpdateRule> rule) {
  return {
      .rule = std::move(rule),
      .learning_rate = kind.learning_rate(),
      .clip_norm = 0,
      .decay = DecayFilter({kind.no_decay().begin(), kind.no_decay().end()}),
  };
}

absl::StatusOr<OptimizerPlan> PlanOfKind(const v1::Optimizer& optimizer) {
  switch (optimizer.kind_case()) {
    case v1::Optimizer::kSgd: {
      const v1::Sgd& sgd = optimizer.sgd();
      return PlanOf(sgd, MakeSgd({.weight_decay = Number(sgd, "weight_decay")}));
    }
    case v1::Optimizer::kMomentum: {
      const v1::Momentum& momentum = optimizer.momentum();
      return PlanOf(momentum, MakeMomentum({
                                  .momentum = Number(momentum, "momentum"),
                                  .nesterov = momentum.nesterov(),
                                  .weight_decay = Number(momentum, "weight_decay"),
                              }));
    }
    case v1::Optimizer::kAdam: {
      const AdamOptions options = AdamOptionsOf(optimizer.adam());
      if (absl::Status status = CheckBetas(optimizer.adam().betas_size(), options); !status.ok()) return status;
      return PlanOf(optimizer.adam(), MakeAdam(options));
    }
    case v1::Optimizer::kAdamw: {
      const AdamOptions options = AdamOptionsOf(optimizer.adamw());
      if (absl::Status status = CheckBetas(optimizer.adamw().betas_size(), options); !status.ok()) return status;
      return PlanOf(optimizer.adamw(), MakeAdamW(options));
    }
    case v1::Optimizer::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("optimizer: none is given, expected one of sgd, momentum, adam, adamw");
}

template <typename Kind>
Schedule ScheduleOf(Schedule::Shape shape, const Kind& kind, uint64_t total_steps) {
  return {
      .shape = shape,
      .warmup_steps = static_cast<uint64_t>(Number(kind, "warmup_steps")),
      .final = shape == Schedule::Shape::kConstant ? 1 : Number(kind, "final"),
      .total_steps = total_steps,
  };
}

}  // namespace

absl::StatusOr<OptimizerPlan> MakeOptimizer(const v1::Optimizer& optimizer) {
  absl::StatusOr<OptimizerPlan> plan = PlanOfKind(optimizer);
  if (plan.ok()) plan->clip_norm = optimizer.clip_norm();
  return plan;
}

Schedule MakeSchedule(const v1::Schedule& schedule, uint64_t total_steps) {
  switch (schedule.kind_case()) {
    case v1::Schedule::kCosine:
      return ScheduleOf(Schedule::Shape::kCosine, schedule.cosine(), total_steps);
    case v1::Schedule::kLinear:
      return ScheduleOf(Schedule::Shape::kLinear, schedule.linear(), total_steps);
    case v1::Schedule::kConstant:
    case v1::Schedule::KIND_NOT_SET:
      break;
  }
  return ScheduleOf(Schedule::Shape::kConstant, schedule.constant(), total_steps);
}

}  // namespace banyan
