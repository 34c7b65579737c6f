#ifndef BANYAN_WORKER_DEVICE_CPU_DEVICE_H_
#define BANYAN_WORKER_DEVICE_CPU_DEVICE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "worker/device/device.h"
#include "common/cpu/cpu_level.h"

namespace banyan::worker {

// Counts every change of our kernels, or of the choice between library forms, that may change a bit.
inline constexpr int kKernelTableVersion = 1;

// The host's cores. Work runs inline on the thread that enqueues it, so an event has happened when it is recorded.
class CpuDevice final : public Device {
 public:
  // Pins this process to `level` (absent: the best there is), oneDNN included: that can be done once in a process's
  // life. UNAVAILABLE: the processor lacks the level. FAILED_PRECONDITION: oneDNN already runs at another one.
  static absl::StatusOr<std::unique_ptr<CpuDevice>> Create(std::optional<CpuLevel> level = std::nullopt);

  CpuLevel level() const { return level_; }

  const std::string& kind() const override { return kind_; }
  absl::StatusOr<Buffer> Allocate(int64_t bytes) override;
  absl::StatusOr<std::unique_ptr<Stream>> NewStream() override;
  // Gives the thread an OpenMP team of itself alone.
  void EnterComputeThread() override;

 private:
  explicit CpuDevice(CpuLevel level);
  void Free(std::byte* data, int64_t bytes) override;

  const CpuLevel level_;
  const std::string kind_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DEVICE_CPU_DEVICE_H_
