// What a verb needs of the terminal: whether one is there, colours, a hidden prompt, sentences for
// errors.
#pragma once

#include <postroad/result.hpp>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>

namespace postroad::cli {

bool is_terminal(int descriptor);
int terminal_width();
/// Asks on the terminal without echo. Error: Fault::input when there is no terminal.
Result<Secret> ask_password(const std::string& question);
/// `postroad send: sentence` on standard error.
void complain(std::string_view verb, std::string_view sentence);
/// Reads a file, or standard input for "-". Error: Fault::io naming it.
Result<std::string> read_all(const std::string& path);

}  // namespace postroad::cli
