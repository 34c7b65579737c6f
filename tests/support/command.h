#ifndef BANYAN_TESTS_SUPPORT_COMMAND_H_
#define BANYAN_TESTS_SUPPORT_COMMAND_H_

#include <string>
#include <vector>

#include "tests/support/process.h"

namespace banyan::testing {

// Runs a program to its end, its standard input empty, and gathers what it prints. Dies when it cannot be started.
// `environment`: NAME=value, beside the environment of the test.
CommandResult RunCommand(const std::vector<std::string>& argv, const std::vector<std::string>& environment = {});

// A folder of the test's own, made new.
std::string MakeFolder(const std::string& name);

void WriteFile(const std::string& path, const std::string& content);
std::string ReadFile(const std::string& path);

// The program `banyan` with the daemons beside it, as a user's bin/ has them: links to what the build made.
std::string BanyanProgram();

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_COMMAND_H_
