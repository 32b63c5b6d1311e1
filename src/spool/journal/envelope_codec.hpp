// Encoding of envelopes and outcomes in commit and outcome records
// (docs/formats/journal.md). Not here: record headers and checksums (record.hpp). A decoder takes
// any bytes, never reads past them, and accepts exactly what the encoder writes: a damaged record
// is never mistaken for a whole one. The caller reports anything else as Fault::damaged.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spool/journal/segment.hpp"
#include "spool/spool.hpp"

namespace postroad::spool {

/// Appends the envelope to `out`.
void encode(std::string& out, const Envelope& envelope);
void encode(std::string& out, const std::vector<OutcomeRecord>& outcomes);
/// The first part of a commit record's payload: CommitFront and envelope; the last bytes follow it.
std::string commit_payload_front(const Envelope& envelope, std::uint64_t message_size);
struct CommitPayload {
  CommitFront front;
  Envelope envelope;
  std::string_view rest;  ///< the message's last bytes; a view into the payload
};
/// Nothing when the parts contradict each other.
std::optional<CommitPayload> decode_commit_payload(std::string_view payload);
/// The whole input or nothing: bytes after the envelope mean that another format wrote them.
std::optional<Envelope> decode_envelope(std::string_view bytes);
std::optional<std::vector<OutcomeRecord>> decode_outcomes(std::string_view bytes);
/// The outcomes of message `id` in a record: an outcome record, or a commit that they were joined
/// to. Errors: Fault::damaged, the record is another message's or has an unknown format.
Result<std::vector<OutcomeRecord>> outcomes_in(const ReadRecord& record, std::uint64_t id);

void apply(Envelope& envelope, const std::vector<OutcomeRecord>& outcomes);

}  // namespace postroad::spool
