// Flags from a file, for values that are the same for every message.
#pragma once

#include <map>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/command.hpp"

namespace postroad::cli {

/// Where a file has a flag: "FILE:2" of "--timeout".
using FlagPlaces = std::map<std::string, std::string>;

/// The place of the first flag of a file that `text`, of an error, names: " (FILE:2)". Empty: none.
std::string place_of(const FlagPlaces& places, std::string_view text);

struct FlagsOfFile {
  std::vector<std::string> words;  ///< of the command line and the file
  FlagPlaces places;
};

/// `words`, which begin with the name of `command`, with the flags of the file of `--flags FILE` in
/// them: one per line, its value after a space, `#` for comments. The command line takes
/// precedence: a flag that it has, too, or that a flag or an argument of it excludes
/// (config::Flag::excludes), is not taken from the file. Words that cannot be parsed stay as they
/// are. Error: Fault::io, Fault::input with file and line.
Result<FlagsOfFile> with_flags_of_file(std::vector<std::string> words,
                                       const config::Command& command);

}  // namespace postroad::cli
