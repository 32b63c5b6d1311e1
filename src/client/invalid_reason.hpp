// Whether a client could use a URL, a login and options, for callers that open no connection.
#pragma once

#include <optional>
#include <postroad/client.hpp>
#include <string_view>

#include "base/export.hpp"

namespace postroad::client {

/// Why the URL or an option is invalid. It reads the files that the options name.
[[nodiscard]] POSTROAD_QUEUE_EXPORT std::optional<Error> invalid_reason(
    std::string_view url, const std::optional<Login>& login, const ClientOptions& options);

}  // namespace postroad::client
