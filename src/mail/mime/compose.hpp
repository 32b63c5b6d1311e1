// Composes a Draft into a MessageSource (RFC 5322, RFC 2045–2047, RFC 2231).
//
// Bodies are written as 7bit, quoted-printable or base64, so that no server has to convert them,
// which would break a signature. A server that offers more gets text as 8bit and attachments as
// binary. Attachments are encoded while they are read, so memory does not grow with their size.
// Not here: the nesting of parts (body_tree.hpp), their encoding (entity_writer.hpp).
#pragma once

#include <postroad/message.hpp>

#include <memory>

#include "mail/mime/draft.hpp"

namespace postroad::mail {

/// The source shares `draft`, which must no longer change. Error: Fault::input for a missing
/// From (a raw message may lack it) or for bodies that cannot be combined; Fault::io if an attached
/// file cannot be opened; any error of a signer.
Result<std::unique_ptr<MessageSource>> compose(std::shared_ptr<const Draft> draft,
                                               const ComposeOptions& options);

}  // namespace postroad::mail
