// Shared by the transports without SMTP. Not here: the transports (transport.cpp,
// sendmail_transport.cpp).
#pragma once

#include <optional>
#include <postroad/transport.hpp>
#include <string>
#include <string_view>

namespace postroad::client {

/// The same outcome for every recipient.
SendReport report_of(const Envelope& envelope, Outcome outcome, const Reply& reply);
/// Refuses an address with a CR, LF or NUL, which would become a second line or cut an argument.
std::optional<Error> find_unfit(const Envelope& envelope, const std::string& where);
/// Writes all bytes; false: errno says why not. To a socket without SIGPIPE.
bool write_all(int to, std::string_view bytes, bool is_socket);
/// errno in words.
std::string errno_text();

}  // namespace postroad::client
