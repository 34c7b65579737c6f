#include "worker/device/cpu_device.h"

#include <omp.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "oneapi/dnnl/dnnl.h"

namespace banyan::worker {
namespace {

constexpr int64_t kAlignment = 4096;

dnnl_cpu_isa_t OneDnnIsa(CpuLevel level) {
  switch (level) {
    case CpuLevel::kAvx512:
      return dnnl_cpu_isa_avx512_core;
    case CpuLevel::kAvx2:
      return dnnl_cpu_isa_avx2;
    case CpuLevel::kSse2:
      break;
  }
  return dnnl_cpu_isa_sse41;  // oneDNN's least
}

std::string Kind(CpuLevel level) {
  const dnnl_version_t* version = dnnl_version();
  return absl::StrCat("cpu:", std::string(CpuLevelName(level)), ":onednn-", version->major, ".", version->minor, ".",
                      version->patch, ":kernels-", kKernelTableVersion);
}

class CpuStream final : public Stream {
 public:
  void Copy(const ConstView& from, const View& to) override {
    CHECK_EQ(from.size_bytes(), to.size_bytes());
    std::memcpy(to.bytes(), from.bytes(), static_cast<size_t>(from.size_bytes()));
  }
  Event Record() override { return Event(); }
  void After(const Event& event) override { event.Wait(); }
  absl::Status Synchronize() override { return absl::OkStatus(); }
  bool Happened(uint64_t) const override { return true; }
  void Wait(uint64_t) const override {}
};

}  // namespace

absl::StatusOr<std::unique_ptr<CpuDevice>> CpuDevice::Create(std::optional<CpuLevel> level) {
  const CpuLevel best = DetectCpuLevel();
  const CpuLevel wanted = level.value_or(best);
  // Kernels of the upper levels fuse; common/cpu, where the same bits come out at every level, never does.
  if (wanted > best || (wanted != CpuLevel::kSse2 && !__builtin_cpu_supports("fma"))) {
    return absl::UnavailableError(absl::StrCat("instruction set '", std::string(CpuLevelName(wanted)),
                                               "' is not available: this processor offers '", std::string(CpuLevelName(best)), "'"));
  }
  // Refused once oneDNN has made up its mind; asking for what it runs at is then no error.
  dnnl_set_max_cpu_isa(OneDnnIsa(wanted));
  const dnnl_cpu_isa_t effective = dnnl_get_effective_cpu_isa();
  if (effective != OneDnnIsa(wanted)) {
    return absl::FailedPreconditionError(
        absl::StrCat("oneDNN of this process is not at instruction set '", std::string(CpuLevelName(wanted)), "' but at level ",
                     static_cast<int>(effective), ": a process can choose once"));
  }
  return std::unique_ptr<CpuDevice>(new CpuDevice(wanted));
}

CpuDevice::CpuDevice(CpuLevel level) : level_(level), kind_(Kind(level)) {}

absl::StatusOr<Buffer> CpuDevice::Allocate(int64_t bytes) {
  CHECK_GE(bytes, 0);
  const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* data = std::aligned_alloc(kAlignment, static_cast<size_t>(rounded > 0 ? rounded : kAlignment));
  if (data == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", bytes, " bytes of host memory"));
  }
  return Buffer(this, static_cast<std::byte*>(data), bytes);
}

absl::StatusOr<std::unique_ptr<Stream>> CpuDevice::NewStream() { return std::make_unique<CpuStream>(); }

void CpuDevice::EnterComputeThread() { omp_set_num_threads(1); }

void CpuDevice::Free(std::byte* data, int64_t) { std::free(data); }

}  // namespace banyan::worker
