// From flags to a login, to client options, and the printer of `--trace`.
#pragma once

#include <functional>
#include <optional>
#include <postroad/client.hpp>
#include <string_view>

#include "cli/verbs.hpp"

namespace postroad::cli {

/// The login that the flags and the URL describe; nullopt for none. Asks on the terminal where no
/// flag gives the password.
Result<std::optional<Login>> login_of(const ServerFlags& flags);
ClientOptions client_options(const ServerFlags& flags);
/// Whether the values can be right, before anything is connected. Error: Fault::input or
/// Fault::not_found with the flag as typed.
Result<void> check(const ServerFlags& flags);
/// Puts the parameters into the envelope. Error: Fault::input naming the flag.
Result<void> ask(const AskFlags& flags, Envelope& envelope);
/// Prints the transcript on standard error with the arrows of swaks.
std::function<void(std::string_view arrow, std::string_view line)> trace_printer(bool colour);

}  // namespace postroad::cli
