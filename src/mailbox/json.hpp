// Delivered messages as JSON, for programs and tests.
#pragma once

#include <postroad/mail_part.hpp>
#include <string>
#include <vector>

#include "mailbox/messages.hpp"

namespace postroad::mailbox {

/// An array with one object per message.
std::string to_json(const std::vector<StoredMessage>& messages);

/// An object with the whole message: its header in order, its addresses, its first text and HTML.
/// `part` is the message, parsed.
std::string to_json(const StoredMessage& message, const MailPart& part);

}  // namespace postroad::mailbox
