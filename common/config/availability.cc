#include "common/config/availability.h"

#include <string>
#include <utility>

namespace banyan::config {

void CheckAvailable(const v1::Job& job, const Locations& locations, Diagnostics* diagnostics) {
  const auto refuse = [&](const std::string& path, const std::string& what, std::string instead) {
    diagnostics->Add({Code::kNotAvailable, locations.OfValue(path), path, what + " not available in this version",
                      std::move(instead)});
  };
  const v1::Precision precision = job.recipe().precision();
  if (precision == v1::BF16 || precision == v1::FP16 || precision == v1::FP64) {
    refuse("recipe.precision", "a precision other than fp32 is", "precision: fp32");
  }
  if (job.run().group().pipeline() > 1) {
    refuse("run.group.pipeline", "pipeline parallelism is", "pipeline: 1 (data parallel over all workers)");
  }
  if (job.run().group().tensor() > 1) {
    refuse("run.group.tensor", "tensor parallelism is", "tensor: 1 (data parallel over all workers)");
  }
  if (job.run().workers().device() == v1::CUDA) {
    refuse("run.workers.device", "device cuda is", "device: any or cpu");
  }
}

}  // namespace banyan::config
