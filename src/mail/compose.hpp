// Turns a Draft into octets (RFC 5322, RFC 2045–2047, RFC 2231), pulled in chunks.
//
// Structure: text, or html, or multipart/alternative of both; attachments make it multipart/mixed
// around that. Texts go as 7bit where they can, else as quoted-printable or base64, whichever is
// shorter, so that no server has to convert anything and no signature breaks. Attachments are
// base64, encoded while they are read: memory does not grow with them.
#pragma once

#include <memory>

#include <postroad/message.hpp>

#include "mail/draft.hpp"

namespace postroad::mail {

/// Error: Fault::input when From is missing (a raw message may lack it) or parts do not go
/// together; Fault::io when an attached file cannot be opened. The source does not refer to
/// `draft`.
Result<std::unique_ptr<MessageSource>> compose(const Draft& draft, const ComposeOptions& options);

}  // namespace postroad::mail
