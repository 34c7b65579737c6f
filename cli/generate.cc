#include "cli/generate.h"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "cli/checkpoint_input.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"
#include "worker/generation/byte_text.h"
#include "worker/generation/generator.h"

namespace banyan::cli {
namespace {

constexpr uint64_t kByteVocabulary = 256;

struct Writing {
  std::string prompt = "\n";
  std::optional<uint64_t> tokens;
  worker::SamplingOptions sampling;
};

// Writes after the prompt; `show` gets the text as it comes.
absl::Status Write(Environment& environment, const std::string& folder, const Writing& writing,
                   const std::function<void(const std::string&)>& show) {
  RETURN_IF_ERROR(writing.sampling.Validate());
  ASSIGN_OR_RETURN(std::unique_ptr<worker::StoredModel> model, worker::ReadStoredModel(environment.files, folder));
  if (static_cast<uint64_t>(model->vocabulary()) != kByteVocabulary) {
    return absl::InvalidArgumentError("the model's tokens are no bytes, and this program knows no others yet");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<worker::Generator> generator, worker::Generator::Make(std::move(model)));
  worker::ByteText text;
  RETURN_IF_ERROR(generator->Generate(worker::EncodeBytes(writing.prompt), writing.tokens.value_or(200),
                                      writing.sampling, [&](int32_t token) {
                                        show(text.Add(static_cast<uint8_t>(token)));
                                        return true;
                                      }));
  show(text.Finish());
  return absl::OkStatus();
}

}  // namespace

ExitCode GenerateCommand(Environment& environment, std::span<const std::string> arguments) {
  Writing writing;
  std::optional<uint64_t> top_k;
  std::optional<uint64_t> seed;
  std::string temperature = "1";
  std::string top_p = "1";
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "generate",
               .arguments = "JOB|DIR",
               .summary = "Lets a trained GPT write: that of a job, of a job's folder, of a checkpoint, or of an\n"
                          "exported directory. The same seed gives the same text.",
               .least = 1,
               .most = 1});
  flags.AddText("prompt", "TEXT", &writing.prompt, "what the text begins with");
  flags.AddCount("tokens", 1, 1 << 20, &writing.tokens, "tokens to write; 200 unless given");
  flags.AddText("temperature", "X", &temperature, "1 unless given; 0: always the likeliest token");
  flags.AddCount("top-k", 0, UINT64_MAX, &top_k, "only the k likeliest tokens; all unless given");
  flags.AddText("top-p", "X", &top_p, "of these the fewest that have this probability together");
  flags.AddCount("seed", 0, UINT64_MAX, &seed, "of the choices; 0 unless given");
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  if (!absl::SimpleAtod(temperature, &writing.sampling.temperature) ||
      !absl::SimpleAtod(top_p, &writing.sampling.top_p)) {
    Fail(environment, absl::InvalidArgumentError("'--temperature' and '--top-p' are numbers, as 0.8"));
    return ExitCode::kBadFlags;
  }
  writing.sampling.top_k = top_k.value_or(0);
  writing.sampling.seed = seed.value_or(0);
  const absl::StatusOr<std::string> folder = FindFolder(environment, cluster, flags.arguments().front());
  if (!folder.ok()) return Fail(environment, folder.status());

  std::string text;
  if (!output.json()) environment.out << writing.prompt << std::flush;
  const absl::Status status = Write(environment, *folder, writing, [&](const std::string& piece) {
    text += piece;
    if (!output.json()) environment.out << piece << std::flush;
  });
  if (!status.ok()) {
    Fail(environment, status);
    return absl::IsInvalidArgument(status) ? ExitCode::kBadFlags : CheckpointExitCodeOf(status);
  }
  if (output.json()) {
    environment.out << nlohmann::ordered_json{{"prompt", writing.prompt}, {"text", text}}.dump(
        -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  environment.out << std::endl;
  return ExitCode::kDone;
}

}  // namespace banyan::cli
