#include "common/config/spelled.h"

#include <cstdint>
#include <optional>

#include "common/base/check.h"
#include "common/config/scalar.h"
#include "google/protobuf/duration.pb.h"
#include "proto/job.pb.h"

namespace banyan::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::Message;

constexpr int64_t kNanosASecond = 1'000'000'000;

bool ParseDurationMessage(std::string_view text, Message* message) {
  const std::optional<int64_t> nanoseconds = ParseDuration(text);
  if (!nanoseconds) return false;
  Duration duration;
  duration.set_seconds(*nanoseconds / kNanosASecond);
  duration.set_nanos(static_cast<int32_t>(*nanoseconds % kNanosASecond));
  message->CopyFrom(duration);
  return true;
}

std::string PrintDurationMessage(const Message& message) {
  Duration duration;
  duration.CopyFrom(message);
  int64_t nanoseconds = 0;
  if (__builtin_mul_overflow(duration.seconds(), kNanosASecond, &nanoseconds) ||
      __builtin_add_overflow(nanoseconds, duration.nanos(), &nanoseconds)) {
    return std::to_string(duration.seconds()) + "s";
  }
  return FormatDuration(nanoseconds);
}

bool ParseInterval(std::string_view text, Message* message) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view unit = text.substr(text.find_first_not_of(' ', space));
  const std::optional<uint64_t> steps = ParseUnsigned(text.substr(0, space));
  if (!steps || (unit != "steps" && unit != "step")) return false;
  v1::Interval interval;
  interval.set_steps(*steps);
  message->CopyFrom(interval);
  return true;
}

std::string PrintInterval(const Message& message) {
  v1::Interval interval;
  interval.CopyFrom(message);
  return std::to_string(interval.steps()) + (interval.steps() == 1 ? " step" : " steps");
}

bool ParseSampleCount(std::string_view text, Message* message) {
  v1::SampleCount samples;
  if (text == "all") {
    samples.set_all(true);
  } else if (const std::optional<uint64_t> count = ParseUnsigned(text)) {
    samples.set_count(*count);
  } else {
    return false;
  }
  message->CopyFrom(samples);
  return true;
}

std::string PrintSampleCount(const Message& message) {
  v1::SampleCount samples;
  samples.CopyFrom(message);
  return samples.has_count() ? std::to_string(samples.count()) : "all";
}

struct Spelling {
  const Descriptor* type;
  std::string_view form;
  bool (*parse)(std::string_view, Message*);
  std::string (*print)(const Message&);
};

const Spelling* Find(const Descriptor& type) {
  static const Spelling kSpellings[] = {
      {Duration::descriptor(), "a duration, such as '5m', '1h30m' or '250ms'", ParseDurationMessage,
       PrintDurationMessage},
      {v1::Interval::descriptor(), "a number of steps, such as '100 steps'", ParseInterval, PrintInterval},
      {v1::SampleCount::descriptor(), "'all' or a whole number (samples)", ParseSampleCount, PrintSampleCount},
  };
  for (const Spelling& spelling : kSpellings) {
    if (spelling.type == &type) return &spelling;
  }
  return nullptr;
}

const Spelling& Get(const Descriptor& type) {
  const Spelling* spelling = Find(type);
  CHECK(spelling != nullptr);
  return *spelling;
}

}  // namespace

bool IsSpelled(const Descriptor& type) { return Find(type) != nullptr; }

std::string_view SpelledForm(const Descriptor& type) { return Get(type).form; }

bool ParseSpelled(std::string_view text, Message* message) {
  return Get(*message->GetDescriptor()).parse(text, message);
}

std::string PrintSpelled(const Message& message) { return Get(*message.GetDescriptor()).print(message); }

}  // namespace banyan::config
