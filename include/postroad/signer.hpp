// Interface of a signer that Message::sign takes. Not here: DKIM, the only implementation
// (dkim.hpp).
#pragma once

#include <string>

#include <postroad/message_source.hpp>
#include <postroad/result.hpp>

namespace postroad {

/// Signs whole messages. `sign` does not change the signer and may be called from any thread.
class POSTROAD_EXPORT MessageSigner {
 public:
  virtual ~MessageSigner() = default;
  /// Returns header fields to put in front of the message, each with its CRLF. Reads all of
  /// `source` from its current position; the caller rewinds it. Error: any error of reading;
  /// Fault::input for a message that cannot be signed.
  virtual Result<std::string> sign(MessageSource& source) const = 0;
};

}  // namespace postroad
