// The envelope of an exported message as JSON (docs/formats/export.md), and read again. Pure. Not
// here: the message itself, whose bytes are a file of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "spool/spool.hpp"

namespace postroad::daemon {

/// A message as an export describes it.
struct ExportedMessage {
  spool::QueueId id;  ///< that of the server it came from
  std::uint64_t size = 0;
  spool::Envelope envelope;
};

/// One line, with its line end.
std::string export_json(const ExportedMessage& message);

/// Bytes of an envelope that is read at most: a message with some 100,000 recipients.
constexpr std::size_t longest_export = 64 << 20;

/// Reads what export_json wrote. Fields that a later version added are passed over. Bad input gets
/// an error and never a part of an envelope. Linear. Error: Fault::data with the field.
Result<ExportedMessage> parse_export(std::string_view json);

}  // namespace postroad::daemon
