// Completing addresses; see draft.hpp.
#include "mail/draft.hpp"

namespace postroad::mail {

Mailbox Draft::complete(const Address& address) const {
  auto mailbox = address.mailbox;
  if (mailbox.domain.empty()) mailbox.domain = default_domain;
  return mailbox;
}

}  // namespace postroad::mail
