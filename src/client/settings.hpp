// The settings that follow from a client's URL, login and options: the server's address, and the
// options of the machine. Connection and Machine both use it.
#pragma once

#include <optional>
#include <postroad/client.hpp>
#include <string_view>

#include "client/url.hpp"
#include "proto/smtp/client/client_options.hpp"

namespace postroad::client {

/// Parses the URL. A login in the URL replaces `login`; of the same user, only the password.
/// `options.tls.policy` is filled in where it is not set; a port that the URL does not name follows
/// from all three. Error: Fault::input.
Result<Url> settle(std::string_view url, std::optional<Login>& login, ClientOptions& options);

/// Calls Login::fetch_token. Error: that of fetch_token; Fault::input for an invalid PROXY header.
/// The caller fills in the name for EHLO where `options` has none.
Result<smtp::ClientOptions> machine_options(const Url& url, const std::optional<Login>& login,
                                            const ClientOptions& options);

/// The result of a call: an Error when nothing was decided for any recipient, otherwise the report.
Result<SendReport> judge(const std::optional<Error>& error, SendReport report);

}  // namespace postroad::client
