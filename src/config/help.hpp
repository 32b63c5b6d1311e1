// Help for a terminal, manual pages and completion for shells, made from a declared command line.
// Not here: the declaration and its parsing (command.hpp).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/command.hpp"

namespace postroad::config {

/// `--help` of the last command in `path` (the root first), wrapped at page.width.
std::string help_text(std::span<const Command* const> path, const Page& page = {});

/// A file with its name.
struct NamedText {
  std::string name;
  std::string text;
};

/// One page per command, in man(7) macros and ASCII: `postroad.1`, `postroad-send.1`,
/// `postroad-queue-list.1`. `date` for the foot of the page, "2026-11-23"; empty for none.
std::vector<NamedText> man_pages(const Command& root, const Page& page, std::string_view date = {});

/// A script for `source`, or for a folder of completions.
std::string bash_completion(const Command& root);
/// A file `_postroad` for a folder in $fpath.
std::string zsh_completion(const Command& root);
/// A script for a completions folder of fish.
std::string fish_completion(const Command& root);

/// Parts shared by help and manual pages: "postroad send"; "postroad send [FLAGS] RECIPIENT...";
/// --help and --version; the text of a flag, with its words and its default.
std::string joined_name(std::span<const Command* const> path, std::string_view between);
std::string usage_line(std::span<const Command* const> path);
std::vector<Flag> standard_flags(std::span<const Command* const> path);
std::string with_words(std::string doc, const std::vector<std::string>& words);
std::string doc_of(const Flag& flag);

}  // namespace postroad::config
