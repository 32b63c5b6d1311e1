// Envelopes and outcomes as octets, as commit and outcome records carry them
// (docs/formats/journal.md). Not here: record headers and checksums (record.hpp). Decoders take any
// octets and never read past them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spool/spool.hpp"

namespace postroad::spool {

/// Appends the envelope to `out`.
void encode(std::string& out, const Envelope& envelope);
void encode(std::string& out, const std::vector<OutcomeRecord>& outcomes);
/// The front of a commit record's payload: CommitFront and the envelope; the last octets follow it.
std::string commit_payload_front(const Envelope& envelope, std::uint64_t message_size);
/// Whole input or nothing: octets left over are an error, for they mean that another format wrote
/// them.
std::optional<Envelope> decode_envelope(std::string_view octets);
std::optional<std::vector<OutcomeRecord>> decode_outcomes(std::string_view octets);

/// Sets what the outcomes say in the envelope; an index outside it is passed over.
void apply(Envelope& envelope, const std::vector<OutcomeRecord>& outcomes);

}  // namespace postroad::spool
