// Flags from a file: what does not change from mail to mail.
#pragma once

#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::cli {

/// `words` with `--flags FILE` replaced by what the file says: a flag a line, its value behind a
/// blank, `#` for comments; a flag that the command line has too is the command line's alone.
/// Error: Fault::io, Fault::input with file and line.
Result<std::vector<std::string>> with_flags_of_file(std::vector<std::string> words);

}  // namespace postroad::cli
