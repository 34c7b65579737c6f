#include "cli/generate/generate.h"

#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "nlohmann/json.hpp"
#include "worker/generation/byte_text.h"
#include "worker/generation/generator.h"

namespace banyan::cli {
namespace {

constexpr int64_t kByteVocabulary = 256;
constexpr uint64_t kTokens = 256;

struct GenerateFlags {
  std::string prompt;
  std::optional<uint64_t> tokens;
  std::string temperature;
  std::optional<uint64_t> top_k;
  std::string top_p;
  std::optional<uint64_t> seed;

  void AddTo(Flags& flags) {
    flags.AddText("prompt", "TEXT", &prompt, "what the text begins with; nothing unless given");
    flags.AddCount("tokens", 1, 1'000'000'000, &tokens, absl::StrCat("tokens to write; ", kTokens, " unless given"));
    flags.AddText("temperature", "T", &temperature,
                  "above 1 bolder, below 1 safer, 0 always the likeliest; 1 unless given");
    flags.AddCount("top-k", 1, 1'000'000'000, &top_k, "choose among the K likeliest tokens only");
    flags.AddText("top-p", "P", &top_p, "choose among the likeliest tokens that make up this probability only");
    flags.AddCount("seed", 0, UINT64_MAX, &seed, "another seed is another text; 0 unless given");
  }

  absl::StatusOr<worker::SamplingOptions> Options() const {
    worker::SamplingOptions options{.top_k = top_k.value_or(0), .seed = seed.value_or(0)};
    RETURN_IF_ERROR(Read("temperature", temperature, &options.temperature));
    RETURN_IF_ERROR(Read("top-p", top_p, &options.top_p));
    RETURN_IF_ERROR(options.Validate());
    return options;
  }

 private:
  static absl::Status Read(const char* name, const std::string& text, double* value) {
    if (text.empty() || absl::SimpleAtod(text, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("--", name, " is '", text, "', expected a number"));
  }
};

// The directory that an argument names.
absl::StatusOr<std::string> FindDirectory(Environment& environment, const ClusterFlags& cluster,
                                          const std::string& argument) {
  ASSIGN_OR_RETURN(const bool exists, Exists(environment.files, argument));
  if (exists) return environment.files.RealPath(argument);
  if (argument.find('/') != std::string::npos) {
    return absl::NotFoundError(absl::StrCat("no directory '", argument, "'"));
  }
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) {
    return Annotate(client.status(), absl::StrCat("no directory '", argument, "', and to look for a job of that name"));
  }
  ASSIGN_OR_RETURN(const v1::JobDescription job, (*client)->Describe(argument));
  if (!job.checkpoint_directory().empty()) return job.checkpoint_directory();
  return absl::NotFoundError(absl::StrCat("job '", argument, "' has no checkpoint yet"));
}

absl::StatusOr<std::unique_ptr<worker::Generator>> OpenGenerator(Environment& environment,
                                                                 const std::string& directory) {
  ASSIGN_OR_RETURN(std::unique_ptr<worker::StoredModel> model,
                   worker::ReadStoredModel(environment.files, directory));
  if (model->tokenizer_vocabulary != kByteVocabulary) {
    return absl::InvalidArgumentError(absl::StrCat("model in '", directory, "' has ", model->tokenizer_vocabulary,
                                                   " tokens, expected ", kByteVocabulary, ": those of bytes"));
  }
  return worker::Generator::Make(std::move(model));
}

// As it comes, or at the end as one line of JSON.
absl::Status Write(Environment& environment, worker::Generator& generator, const GenerateFlags& flags,
                   const worker::SamplingOptions& options, bool json) {
  worker::ByteText shown;
  std::string text;
  std::vector<int32_t> tokens;
  if (!json) environment.out << flags.prompt << std::flush;
  const auto show = [&](const std::string& more) {
    if (json) {
      text += more;
    } else {
      environment.out << more << std::flush;
    }
  };
  const absl::Status status = generator.Generate(
      worker::EncodeBytes(flags.prompt), flags.tokens.value_or(kTokens), options, [&](int32_t token) {
        tokens.push_back(token);
        show(shown.Add(static_cast<uint8_t>(token)));
        return environment.out.good();
      });
  show(shown.Finish());
  if (!json) environment.out << std::endl;
  RETURN_IF_ERROR(status);
  if (json) environment.out << nlohmann::ordered_json{{"text", text}, {"tokens", tokens}}.dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace

ExitCode GenerateCommand(Environment& environment, std::span<const std::string> arguments) {
  GenerateFlags generate;
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "generate",
               .arguments = "JOB|DIR",
               .summary = "Writes text with a model: the newest checkpoint of a job, a checkpoint's directory, or a\n"
                          "directory with model.safetensors and config.json. The same seed gives the same text.",
               .least = 1,
               .most = 1});
  generate.AddTo(flags);
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<worker::SamplingOptions> options = generate.Options();
  if (!options.ok()) {
    Fail(environment, options.status());
    return ExitCode::kBadFlags;
  }
  const auto directory = FindDirectory(environment, cluster, flags.arguments().front());
  if (!directory.ok()) return Fail(environment, directory.status());
  const auto generator = OpenGenerator(environment, *directory);
  if (!generator.ok()) {
    Fail(environment, generator.status());
    return CheckpointExitCodeOf(generator.status());
  }
  const absl::Status written = Write(environment, **generator, generate, *options, output.json());
  return written.ok() ? ExitCode::kDone : Fail(environment, written);
}

}  // namespace banyan::cli
