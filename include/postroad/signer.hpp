// What puts a signature in front of a message while it is composed. Not here: the one kind there
// is, DKIM (dkim.hpp).
#pragma once

#include <string>

#include <postroad/message_source.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// Signs whole messages. Implementations are never changed by signing: any thread may sign.
class POSTROAD_EXPORT MessageSigner {
 public:
  virtual ~MessageSigner() = default;
  /// Header fields to put before the message, each ended with CRLF. Reads `source` from its first
  /// octet to its last; the caller rewinds it. Error: what reading gave, and Fault::input for a
  /// message that cannot be signed.
  virtual Result<std::string> sign(MessageSource& source) const = 0;
};

}  // namespace postroad
