// Who a client says it is.
#pragma once

#include <postroad/secret.hpp>
#include <string>

namespace postroad {

/// A user and a password for AUTH. The password is not sent without TLS unless ClientOptions says
/// so by name.
struct POSTROAD_EXPORT Login {
  std::string user;
  Secret password;
  std::string
      mechanism;  ///< only this SASL mechanism ("LOGIN"); empty: the strongest that both sides know
};

}  // namespace postroad
