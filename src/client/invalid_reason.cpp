// See invalid_reason.hpp.
#include "client/invalid_reason.hpp"

#include "client/connection.hpp"

namespace postroad::client {

std::optional<Error> invalid_reason(std::string_view url, const std::optional<Login>& login,
                                    const ClientOptions& options) {
  return Connection(url, login, options).invalid_reason();
}

}  // namespace postroad::client
