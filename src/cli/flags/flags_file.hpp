// Flags from a file, for values that are the same for every message.
#pragma once

#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "config/command.hpp"

namespace postroad::cli {

/// `words` with `--flags FILE` replaced by the flags in the file: one per line, its value after a
/// space, `#` for comments. A flag that the command line has, too, by its name or its letter in
/// `command`, is not taken from the file. Error: Fault::io, Fault::input with file and line.
Result<std::vector<std::string>> with_flags_of_file(std::vector<std::string> words,
                                                    const config::Command& command);

}  // namespace postroad::cli
