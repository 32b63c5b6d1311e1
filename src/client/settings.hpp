// What a client's URL, login and options mean: where it goes, and how the machine of its
// conversation speaks. The connection and the machine without a connection both ask here.
#pragma once

#include <optional>
#include <postroad/client.hpp>
#include <string_view>

#include "client/url.hpp"
#include "proto/smtp/client/client_options.hpp"

namespace postroad::client {

/// Reads the URL. `login` and `options.tls` are filled in from it where they say nothing; the port,
/// where the URL names none, follows from all three. Error: Fault::input.
Result<Url> settle(std::string_view url, std::optional<Login>& login, ClientOptions& options);

/// Asks Login::fetch_token. Error: what that says; Fault::input for a wrong PROXY header. The own
/// name is the caller's to fill in where `options` gives none.
Result<smtp::ClientOptions> machine_options(const Url& url, const std::optional<Login>& login,
                                            const ClientOptions& options);

/// What a call returns: an Error when nothing was decided for anybody, else the report.
Result<SendReport> judge(const std::optional<Error>& error, SendReport report);

}  // namespace postroad::client
