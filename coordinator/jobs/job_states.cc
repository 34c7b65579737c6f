#include "coordinator/jobs/job_states.h"

#include <algorithm>
#include <array>
#include <utility>

namespace banyan::coordinator {
namespace {

using enum JobState;

constexpr std::pair<JobState, JobState> kEdges[] = {
    {kQueued, kStarting},      {kQueued, kStopped},     {kQueued, kFailed},        //
    {kStarting, kRunning},     {kStarting, kRecovering}, {kStarting, kStopping},    //
    {kStarting, kStopped},     {kStarting, kFailed},                                //
    {kRunning, kRecovering},   {kRunning, kStopping},   {kRunning, kStopped},      //
    {kRunning, kSucceeded},    {kRunning, kFailed},                                 //
    {kRecovering, kStarting},  {kRecovering, kRunning}, {kRecovering, kStopping},  //
    {kRecovering, kStopped},   {kRecovering, kFailed},                              //
    {kStopping, kPaused},      {kStopping, kStopped},   {kStopping, kFailed},      //
    {kPaused, kQueued},        {kStopped, kQueued},     {kFailed, kQueued},
};

constexpr std::array<std::string_view, 9> kNames = {"QUEUED",   "STARTING", "RUNNING",   "RECOVERING", "PAUSED",
                                                    "STOPPING", "STOPPED",  "SUCCEEDED", "FAILED"};

}  // namespace

bool MayFollow(JobState from, JobState to) {
  return std::find(std::begin(kEdges), std::end(kEdges), std::pair(from, to)) != std::end(kEdges);
}

std::string_view JobStateName(JobState state) { return kNames[static_cast<size_t>(state)]; }

bool IsActive(JobState state) {
  return state == kStarting || state == kRunning || state == kRecovering || state == kStopping;
}

}  // namespace banyan::coordinator
