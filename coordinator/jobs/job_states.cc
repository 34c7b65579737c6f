#include "coordinator/jobs/job_states.h"

#include <algorithm>
#include <array>
#include <utility>

namespace banyan::coordinator {
namespace {

using enum JobState;

constexpr std::pair<JobState, JobState> kEdges[] = {
    {kQueued, kStarting},      {kQueued, kPaused},      {kQueued, kStopped},       //
    {kQueued, kFailed},                                                             //
    {kStarting, kRunning},     {kStarting, kRecovering}, {kStarting, kStopping},    //
    {kStarting, kPaused},      {kStarting, kStopped},   {kStarting, kFailed},      //
    {kStarting, kQueued},                                                           //
    {kRunning, kRecovering},   {kRunning, kStopping},   {kRunning, kPaused},       //
    {kRunning, kStopped},      {kRunning, kSucceeded},  {kRunning, kFailed},       //
    {kRunning, kQueued},                                                            //
    {kRecovering, kStarting},  {kRecovering, kRunning}, {kRecovering, kStopping},  //
    {kRecovering, kPaused},    {kRecovering, kStopped}, {kRecovering, kFailed},    //
    {kRecovering, kQueued},                                                         //
    {kStopping, kPaused},      {kStopping, kStopped},   {kStopping, kFailed},      //
    {kPaused, kQueued},        {kPaused, kStopped},                                 //
    {kStopped, kQueued},       {kFailed, kQueued},
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
