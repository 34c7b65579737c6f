// <target>_fuzz [--runs=N | --seconds=N] [--seed=N] FILE|FOLDER...: runs a fuzz target over files, and over so many inputs
// or for so long over what it makes of them.
//
// With neither only over the files: so a failure is replayed. An input that breaks the target is written to
// ./crash-input, and the program ends with a status that is not 0.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/coverage.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutator.h"

namespace banyan::fuzz {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxBytes = 4096;     // of a made input
constexpr unsigned kMaxSeconds = 20;   // for one input

// The input that runs, for the signal handler.
const char* current = nullptr;
size_t current_size = 0;

void WriteCurrentAndDie(int signal) {
  const int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && write(file, current, current_size) == static_cast<ssize_t>(current_size)) {
    constexpr char kSaid[] = "fuzz: the input is in ./crash-input\n";
    (void)!write(STDERR_FILENO, kSaid, sizeof(kSaid) - 1);
  }
  _exit(128 + signal);
}

// Whether the input went a new way.
bool Run(const std::string& input) {
  current = input.data();
  current_size = input.size();
  BeginInput();
  alarm(kMaxSeconds);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  alarm(0);
  return NewSteps() > 0;
}

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Options {
  uint64_t runs = 0;
  uint64_t seconds = 0;
  uint64_t seed = 1;
  std::vector<fs::path> files;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--runs=")) {
      options.runs = std::stoull(argument.substr(7));
    } else if (argument.starts_with("--seconds=")) {
      options.seconds = std::stoull(argument.substr(10));
    } else if (argument.starts_with("--seed=")) {
      options.seed = std::stoull(argument.substr(7));
    } else if (fs::is_directory(argument)) {
      for (const auto& entry : fs::directory_iterator(argument)) options.files.push_back(entry.path());
    } else {
      options.files.push_back(argument);
    }
  }
  std::sort(options.files.begin(), options.files.end());
  return options;
}

int Main(const Options& options) {
  for (const int signal : {SIGABRT, SIGALRM}) std::signal(signal, WriteCurrentAndDie);
  std::vector<std::string> inputs;
  for (const fs::path& file : options.files) inputs.push_back(Read(file));
  if (Seeds != nullptr) {
    for (std::string& seed : Seeds()) inputs.push_back(std::move(seed));
  }
  for (const std::string& input : inputs) Run(input);
  const size_t given = inputs.size();
  if (inputs.empty()) inputs.push_back("");

  Mutator mutator(options.seed, kMaxBytes);
  uint64_t runs = 0;
  const Clock::time_point end = Clock::now() + std::chrono::seconds(options.seconds);
  for (; runs < options.runs || Clock::now() < end; ++runs) {
    std::string input = mutator.Next(inputs);
    if (Run(input)) inputs.push_back(std::move(input));
  }
  std::cout << "fuzz: " << given << " inputs given, " << runs << " made, " << inputs.size() - given
            << " of them went new ways\n";
  return 0;
}

}  // namespace
}  // namespace banyan::fuzz

int main(int argc, char** argv) { return banyan::fuzz::Main(banyan::fuzz::ParseOptions(argc, argv)); }
