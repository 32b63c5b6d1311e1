// A message of this server's own (a notification, a report) on its way into the spool.
#pragma once

#include <memory>
#include <postroad/message.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "queue/handling.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

/// Composes the message and writes it, below a Received field of `host`, into `incoming`. Returns
/// its envelope, with the null reverse-path and `handling`, for the commit. Waits for the disk.
/// Error: that of the message, of a file of it, or of the disk.
Result<spool::Envelope> write_own_message(spool::Incoming& incoming, const Message& message,
                                          const std::string& host,
                                          std::vector<spool::Recipient> recipients,
                                          queue::Handling handling = {});

}  // namespace postroad::relay
