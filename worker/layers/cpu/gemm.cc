#include "worker/layers/cpu/gemm.h"

#include <array>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace banyan::worker {
namespace {

class Sgemm final : public Gemm {
 public:
  explicit Sgemm(const GemmShape& shape) : shape_(shape) {}

  void Run(const float* a, const float* b, float* c, bool add) override {
    const auto& [transpose_a, transpose_b, m, n, k] = shape_;
    const dnnl_status_t status =
        dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, a, transpose_a ? m : k, b,
                   transpose_b ? k : n, add ? 1.0f : 0.0f, c, n);
    CHECK_EQ(static_cast<int>(status), static_cast<int>(dnnl_success));
  }

 private:
  const GemmShape shape_;
};

// oneDNN's matmul primitive, for overwriting only. Run goes through the C interface: the C++ one allocates.
class MatMul final : public Gemm {
 public:
  explicit MatMul(const GemmShape& shape) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), adding_(shape) {
    using Tag = dnnl::memory::format_tag;
    const auto f32 = dnnl::memory::data_type::f32;
    const dnnl::memory::desc a({shape.m, shape.k}, f32, shape.transpose_a ? Tag::ba : Tag::ab);
    const dnnl::memory::desc b({shape.k, shape.n}, f32, shape.transpose_b ? Tag::ba : Tag::ab);
    const dnnl::memory::desc c({shape.m, shape.n}, f32, Tag::ab);
    primitive_ = dnnl::matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine_));
    a_ = dnnl::memory(a, engine_, DNNL_MEMORY_NONE);
    b_ = dnnl::memory(b, engine_, DNNL_MEMORY_NONE);
    c_ = dnnl::memory(c, engine_, DNNL_MEMORY_NONE);
    arguments_ = {{{DNNL_ARG_SRC, a_.get()}, {DNNL_ARG_WEIGHTS, b_.get()}, {DNNL_ARG_DST, c_.get()}}};
  }

  void Run(const float* a, const float* b, float* c, bool add) override {
    if (add) return adding_.Run(a, b, c, true);
    dnnl_memory_set_data_handle(a_.get(), const_cast<float*>(a));
    dnnl_memory_set_data_handle(b_.get(), const_cast<float*>(b));
    dnnl_memory_set_data_handle(c_.get(), c);
    const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), stream_.get(),
                                                        static_cast<int>(arguments_.size()), arguments_.data());
    CHECK_EQ(static_cast<int>(status), static_cast<int>(dnnl_success));
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul primitive_;
  dnnl::memory a_;
  dnnl::memory b_;
  dnnl::memory c_;
  std::array<dnnl_exec_arg_t, 3> arguments_;
  Sgemm adding_;
};

// The kernel table. GFLOP/s on a Zen 4 core, widths 128 to 1536, 256 to 1024 rows: a transposed B, sgemm 103-110 and
// matmul 107-115; else sgemm 111-117 and matmul 102-117. Below AVX-512 matmul has no form of its own.
bool UseMatMul(CpuLevel level, const GemmShape& shape) {
  return level == CpuLevel::kAvx512 && shape.transpose_b && !shape.transpose_a && shape.m >= 16 && shape.n >= 16;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gemm>> MakeGemm(CpuLevel level, const GemmShape& shape) {
  if (!UseMatMul(level, shape)) return std::make_unique<Sgemm>(shape);
  try {
    return std::make_unique<MatMul>(shape);
  } catch (const dnnl::error& error) {
    return absl::InternalError(absl::StrCat("oneDNN refused a product [", shape.m, ", ", shape.k, "] x [", shape.k,
                                            ", ", shape.n, "]: ", error.message, " (status ",
                                            static_cast<int>(error.status), ")"));
  }
}

}  // namespace banyan::worker
