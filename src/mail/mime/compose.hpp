// Turns a Draft into octets (RFC 5322, RFC 2045–2047, RFC 2231), pulled in chunks.
//
// Structure, from the inside: html with what it shows is multipart/related; text, that, and a
// calendar are multipart/alternative; attachments make it multipart/mixed around all. Octets go as
// 7bit, quoted-printable or base64, so that no server has to convert anything and no signature
// breaks; a server that offers more is given texts as 8bit and attachments as binary. Attachments
// are encoded while they are read: memory does not grow with them.
#pragma once

#include <postroad/message.hpp>

#include <memory>

#include "mail/mime/draft.hpp"

namespace postroad::mail {

/// The source shares `draft`, which must not change any more. Error: Fault::input when From is
/// missing (a raw message may lack it) or parts do not go together; Fault::io when an attached file
/// cannot be opened; what a signer gave.
Result<std::unique_ptr<MessageSource>> compose(std::shared_ptr<const Draft> draft,
                                               const ComposeOptions& options);

}  // namespace postroad::mail
