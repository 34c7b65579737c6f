// banyan-worker: computes gradients of jobs' models. The process that is started watches over a child that does the
// work: one child a job, so that nothing of a job outlives it.

#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/file/posix_file_system.h"
#include "common/file/roots.h"
#include "common/logging/logging.h"
#include "common/process/daemon.h"
#include "common/process/ready_line.h"
#include "common/process/shutdown_watch.h"
#include "common/rpc/token.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/service/supervisor.h"
#include "worker/service/worker.h"

ABSL_FLAG(std::string, name, "worker-0", "name of this worker, unique in the cluster; keeps its id across restarts");
ABSL_FLAG(std::string, coordinator, "", "host:port of the coordinator");
ABSL_FLAG(std::vector<std::string>, root, {},
          "name=DIRECTORY that jobs' paths may name, as in data=/srv/data; may be given several times");
ABSL_FLAG(uint32_t, threads, 0, "leaves computed side by side, one thread each; 0: one a core");
ABSL_FLAG(std::string, state_dir, ".", "directory for indexes of data, and with the cluster's token file");
ABSL_FLAG(std::string, token_file, "", "the cluster's token; empty: `token` in --state-dir");
ABSL_FLAG(std::string, isa, "", "instruction set to compute with: sse2, avx2 or avx512_core; empty: the best there is");
ABSL_FLAG(int, parent_pipe, -1, "descriptor whose end of file means that the parent is gone; -1: none");
ABSL_FLAG(bool, child, false, "used by the worker itself: do the work of one job");

namespace banyan::worker {
namespace {

struct Setup {
  std::string token;
  Roots roots;
  std::optional<CpuLevel> level;
};

absl::StatusOr<Setup> ReadFlags(FileSystem& files) {
  if (absl::GetFlag(FLAGS_coordinator).empty()) {
    return absl::InvalidArgumentError("--coordinator is not given; it is the host:port that banyan-coordinator prints");
  }
  Setup setup;
  const std::string isa = absl::GetFlag(FLAGS_isa);
  if (!isa.empty()) {
    setup.level = ParseCpuLevel(isa);
    if (!setup.level) {
      return absl::InvalidArgumentError(absl::StrCat("--isa '", isa, "', expected sse2, avx2 or avx512_core"));
    }
  }
  ASSIGN_OR_RETURN(setup.roots, Roots::Parse(files, absl::GetFlag(FLAGS_root)));
  std::string token_file = absl::GetFlag(FLAGS_token_file);
  if (token_file.empty()) token_file = absl::StrCat(absl::GetFlag(FLAGS_state_dir), "/token");
  ASSIGN_OR_RETURN(setup.token, ReadToken(token_file));
  return setup;
}

uint32_t Threads() {
  const uint32_t threads = absl::GetFlag(FLAGS_threads);
  return threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
}

absl::Status Work() {
  Worker* collecting = nullptr;
  Mutex mutex;
  log::SetUp({.process = absl::GetFlag(FLAGS_name), .collector = [&](const log::Line& line) {
                MutexLock lock(mutex);
                if (collecting != nullptr) collecting->AddLog(line);
              }});
  ShutdownWatch watch({.parent_pipe = absl::GetFlag(FLAGS_parent_pipe)});
  // The kernel ends this process with its parent, whatever happens there.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  SystemClock clock;
  PosixFileSystem files;
  ASSIGN_OR_RETURN(const Setup setup, ReadFlags(files));
  ASSIGN_OR_RETURN(const std::unique_ptr<CpuDevice> device, CpuDevice::Create(setup.level));
  CpuOperatorFactory factory(device->level());
  std::random_device random;
  Worker worker({.name = absl::GetFlag(FLAGS_name),
                 .coordinator = absl::GetFlag(FLAGS_coordinator),
                 .token = setup.token,
                 .index_directory = absl::StrCat(absl::GetFlag(FLAGS_state_dir), "/index"),
                 .incarnation = Incarnation(uint64_t{random()} << 32 | random()),
                 .threads = Threads(),
                 .level = device->level()},
                {.device = device.get(),
                 .factory = &factory,
                 .files = &files,
                 .roots = &setup.roots,
                 .clock = &clock,
                 .watch = &watch});
  {
    MutexLock lock(mutex);
    collecting = &worker;
  }
  worker.Run();
  MutexLock lock(mutex);
  collecting = nullptr;
  return absl::OkStatus();
}

absl::StatusOr<std::string> OwnProgram() {
  std::array<char, PATH_MAX> path = {};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) return absl::InternalError("cannot find this program's file: /proc is not there");
  return std::string(path.data(), static_cast<size_t>(size));
}

absl::StatusOr<int> Supervise() {
  log::SetUp({.process = absl::GetFlag(FLAGS_name)});
  Supervisor* supervisor = nullptr;
  ShutdownWatch watch({.parent_pipe = absl::GetFlag(FLAGS_parent_pipe), .leave_now = [&] { supervisor->LeaveNow(); }});
  PosixFileSystem files;
  RETURN_IF_ERROR(ReadFlags(files).status());
  ASSIGN_OR_RETURN(const std::string program, OwnProgram());
  Supervisor::Options options = {.program = program, .arguments = {"--child"}};
  const auto add = [&](const char* name, const std::string& value) {
    options.arguments.push_back(absl::StrCat("--", name, "=", value));
  };
  add("name", absl::GetFlag(FLAGS_name));
  add("coordinator", absl::GetFlag(FLAGS_coordinator));
  if (!absl::GetFlag(FLAGS_root).empty()) add("root", absl::StrJoin(absl::GetFlag(FLAGS_root), ","));
  add("threads", absl::StrCat(Threads()));
  add("state_dir", absl::GetFlag(FLAGS_state_dir));
  add("token_file", absl::GetFlag(FLAGS_token_file));
  add("isa", absl::GetFlag(FLAGS_isa));
  SystemClock clock;
  Supervisor made(std::move(options), clock);
  supervisor = &made;
  std::cout << FormatReadyLine({.name = absl::GetFlag(FLAGS_name), .endpoint = "", .metrics_endpoint = ""})
            << std::endl;
  return made.Run(watch);
}

}  // namespace
}  // namespace banyan::worker

int main(int argc, char** argv) {
  banyan::ParseDaemonFlags(
      argc, argv,
      "Computes gradients of jobs' models.\n"
      "  banyan-worker --name=worker-0 --coordinator=127.0.0.1:7000 --state-dir=DIR --root=data=DIR");
  if (absl::GetFlag(FLAGS_child)) return banyan::DaemonExitCode(banyan::worker::Work());
  const absl::StatusOr<int> code = banyan::worker::Supervise();
  return code.ok() ? *code : banyan::DaemonExitCode(code.status());
}
