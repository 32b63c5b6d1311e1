// The terminal and files, as verbs need them: a hidden prompt, error messages, input read to its
// end.
#pragma once

#include <optional>
#include <postroad/result.hpp>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>

namespace postroad::cli {

bool is_terminal(int descriptor);
int terminal_width();
/// Asks on the terminal without echo, which comes back before a signal ends the program. Error:
/// Fault::input when there is no terminal, Fault::io when no descriptor is left, Fault::data when
/// its input ends; its text ends with `remedy`, the flags that give the password in another way.
Result<Secret> ask_password(const std::string& question, std::string_view remedy);
/// `postroad send: sentence` on standard error.
void complain(std::string_view verb, std::string_view sentence);
/// Whether the file that a flag names can be read and is not a folder; nullopt: nothing to check.
/// Error: Fault::not_found with the flag as typed.
Result<void> check_file(std::string_view flag, const std::optional<std::string>& path);
/// The detail of an error about a password or token in an environment variable.
constexpr auto variable_not_set = "this environment variable is not set, or is empty; set it";
/// Reads a file, or standard input for "-". Error: Fault::io naming it.
Result<std::string> read_all(const std::string& path);

}  // namespace postroad::cli
