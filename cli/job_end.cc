#include "cli/job_end.h"

#include "absl/strings/str_format.h"
#include "cli/report/progress.h"
#include "cli/report/result.h"

namespace banyan::cli {
namespace {

void PrintForPeople(Environment& environment, const v1::JobDescription& job) {
  const v1::JobSummary& summary = job.summary();
  std::ostream& out = environment.out;
  out << absl::StrFormat("job %s (%s): %s at step %d", summary.name(), summary.id(),
                         v1::JobState_Name(summary.state()), summary.step());
  if (!summary.reason().empty()) out << ": " << summary.reason();
  out << "\n";
  const auto line = [&](const char* what, const std::string& text) {
    out << absl::StrFormat("  %-15s %s\n", what, text);
  };
  const std::string unit = LossUnit(job.resolved().job());
  if (job.has_last_line()) {
    line("train loss", absl::StrFormat("%.4f %s", MeanLoss(job.last_line().loss_sum(), job.last_line().weight()), unit));
  }
  if (job.has_last_evaluation()) {
    const v1::Evaluation& evaluation = job.last_evaluation();
    line("held-out loss", absl::StrFormat("%.4f %s", MeanLoss(evaluation.loss_sum(), evaluation.weight()), unit));
  }
  if (job.train_seconds() > 0) line("time in training", ShortDuration(absl::Seconds(job.train_seconds())));
  if (job.checkpoint_directory().empty()) return;
  line("checkpoint", job.checkpoint_directory());
  const std::string folder = JobFolder(job);
  const bool gpt = job.resolved().job().recipe().model().has_gpt();
  out << "next:\n  ";
  if (summary.state() == v1::PAUSED || summary.state() == v1::STOPPED) {
    out << environment.program << " resume " << summary.id() << "\n  ";
  }
  out << environment.program << " checkpoints " << folder << "\n  " << environment.program << " export "
      << folder << (gpt ? " OUT    # a directory that transformers loads\n" : " OUT    # its weights alone\n");
}

}  // namespace

ExitCode PrintJobEnd(Environment& environment, JobsClient& client, const std::string& id, bool json) {
  const absl::StatusOr<v1::JobDescription> job = client.Describe(id);
  if (!job.ok()) return Fail(environment, job.status());
  const absl::StatusOr<std::string> result = MakeResult(environment.files, *job);
  if (!result.ok()) return Fail(environment, result.status());
  if (json) {
    environment.out << *result << std::endl;
  } else {
    PrintForPeople(environment, *job);
    environment.out << std::flush;
  }
  return ExitCodeOf(job->summary().state());
}

ExitCode FollowToEnd(Environment& environment, JobsClient& client, Interrupts& interrupts, const FollowOptions& options,
                     bool json) {
  const absl::StatusOr<FollowEnd> end = Follow(environment, client, interrupts, options);
  if (!end.ok()) return Fail(environment, end.status());
  if (*end == FollowEnd::kOver) return PrintJobEnd(environment, client, options.job, json);
  environment.err << "detached; job " << options.job << " goes on. Follow it: banyan wait " << options.job
                  << "    end it: banyan stop " << options.job << std::endl;
  return ExitCode::kDetached;
}

}  // namespace banyan::cli
