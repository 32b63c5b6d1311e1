// Runs one program of the guide in an empty folder of its own and returns what it did.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace guide {

struct Run {
  int exit_code = -1;  ///< -1: it did not end by itself
  std::string output;  ///< standard output and standard error
};

struct RunOptions {
  std::map<std::string, std::string> environment{};  ///< added to the test's own
  std::map<std::string, std::string> copies{};  ///< file in the program's folder → its source
};

/// Waits for the end of the program. A program that runs longer than 30 seconds is killed.
Run run(const std::string& program, const std::vector<std::string>& arguments = {},
        const RunOptions& options = {});

/// The names of the programs that `run` was called for so far and of all that exist.
std::vector<std::string> programs_run();
std::vector<std::string> all_programs();

}  // namespace guide
