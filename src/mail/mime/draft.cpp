// Draft::complete: default domain and A-labels; see draft.hpp.
#include "mail/mime/draft.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "mail/address/idn.hpp"

namespace postroad::mail {

Mailbox Draft::complete(const Address& address) const {
  auto mailbox = address.mailbox;
  if (mailbox.is_null()) return mailbox;  // an empty group
  if (mailbox.domain.empty()) mailbox.domain = default_domain;
  if (std::any_of(mailbox.local.begin(), mailbox.local.end(), is_8bit)) return mailbox;
  if (auto ascii = to_ascii_domain(mailbox.domain)) mailbox.domain = std::move(*ascii);
  return mailbox;
}

}  // namespace postroad::mail
