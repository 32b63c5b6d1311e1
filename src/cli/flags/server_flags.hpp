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
/// The login for every server whose URL has none: nullopt where the URL of --server has the whole
/// login, which is for that server alone. Error: also Fault::input, where a part of the login is in
/// the URL of --server and the message may go to a relay, too.
Result<std::optional<Login>> login_beside_urls(const ServerFlags& flags, bool has_relays);
/// Whether there is a user for the other flags of the login: without one, the message would be sent
/// without a login. Error: Fault::input with the flag as typed.
Result<void> check_login(const ServerFlags& flags);
/// Whether the password comes from one place. Error: Fault::input with the flags.
Result<void> check_password_sources(const ServerFlags& flags);
ClientOptions client_options(const ServerFlags& flags);
/// Whether the values can be right, before anything is connected. Error: Fault::input or
/// Fault::not_found with the flag as typed.
Result<void> check(const ServerFlags& flags);
/// Puts the parameters into the envelope. Error: Fault::input naming the flag.
Result<void> ask(const AskFlags& flags, Envelope& envelope);
/// Prints the transcript on standard error with the arrows of swaks.
std::function<void(std::string_view arrow, std::string_view line)> trace_printer(bool colour);

}  // namespace postroad::cli
