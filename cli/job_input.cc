#include "cli/job_input.h"

#include "absl/strings/str_cat.h"
#include "common/config/job_file.h"
#include "common/config/print.h"
#include "common/file/file_util.h"

namespace banyan::cli {
namespace {

constexpr uint64_t kMaxProcesses = 64;  // of a role, on one machine
constexpr uint64_t kMaxFileBytes = 2 << 20;  // the reader's own limit is lower, and says more

std::optional<v1::Job> Read(Environment& environment, const std::string& name, const std::string& text,
                            const JobFlags& flags, ExitCode* code) {
  std::vector<std::string> overrides = flags.set;
  if (flags.workers) {
    // At most so many. A job that wants more is told to do with them.
    const uint32_t least = config::ReadJob(name, text, flags.set).job.run().workers().min();
    overrides.push_back(absl::StrCat("run.workers.max=", *flags.workers));
    if (least > *flags.workers) overrides.push_back(absl::StrCat("run.workers.min=", *flags.workers));
  }
  if (flags.servers) overrides.push_back(absl::StrCat("run.servers.count=", *flags.servers));
  if (flags.chunk_bytes) overrides.push_back(absl::StrCat("run.servers.chunk_bytes=", *flags.chunk_bytes));
  config::ReadJobResult result = config::ReadJob(name, text, overrides);
  if (result.ok()) return std::move(result.job);
  environment.err << result.diagnostics.Format() << std::flush;
  *code = ExitCode::kBadConfig;
  return std::nullopt;
}

}  // namespace

void JobFlags::AddSetTo(Flags& flags) {
  flags.AddTexts("set", "PATH=VALUE", &set, "changes a field of the job, as run.workers.max=8");
}

void JobFlags::AddAllTo(Flags& flags) {
  flags.AddCount("workers", 1, kMaxProcesses, &workers, "most workers the job takes; sets run.workers.max");
  flags.AddCount("servers", 1, kMaxProcesses, &servers, "servers the job has; sets run.servers.count");
  flags.AddCount("chunk-bytes", 1, UINT64_MAX, &chunk_bytes, "16 KiB times a power of two; sets run.servers.chunk_bytes");
  flags.AddCounts("leaf-plan", &leaf_plan, "leaves of each worker, as 5,2,1; planned unless given");
  AddSetTo(flags);
}

std::optional<v1::Job> ReadJobFile(Environment& environment, const std::string& path, const JobFlags& flags,
                                   ExitCode* code) {
  const absl::StatusOr<std::string> text = ReadFile(environment.files, path, kMaxFileBytes);
  if (!text.ok()) {
    *code = Fail(environment, text.status());
    if (absl::IsOutOfRange(text.status())) *code = ExitCode::kBadConfig;
    return std::nullopt;
  }
  return Read(environment, path, *text, flags, code);
}

std::optional<v1::Job> ChangeJob(Environment& environment, const v1::Job& job, const std::string& name,
                                 const JobFlags& flags, ExitCode* code) {
  return Read(environment, name, config::PrintYaml(job), flags, code);
}

}  // namespace banyan::cli
