// The spool on disk: an append-only journal in segments, one writer thread, one sync for all that
// is ready. docs/formats/journal.md is the format's page and says what a crash leaves at each
// point; the contract is spool.hpp. Read on in engine.hpp (threads), writer.hpp (the disk),
// recovery.hpp (the start).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "spool/disk/disk.hpp"
#include "spool/spool.hpp"

namespace postroad::spool {

struct JournalOptions {
  /// Octets at which a new segment is begun. Taken as at least 8 KiB and at most 1 GiB.
  std::uint64_t segment_size = 64 << 20;
  /// Octets of a message that are held in memory before they go to the writer. At least 64, at most
  /// 64 MiB.
  std::size_t chunk_size = 64 << 10;
  /// Octets that wait for the writer before Incoming::ready says no.
  std::size_t pending_limit = 8 << 20;
  /// Octets that stay free on the disk: below that `begin` answers Fault::full. 0: none.
  std::uint64_t reserve = 0;
  /// Outcomes and removals that no caller waits for are written after this long when no other write
  /// takes them along: what a crash can undo.
  std::chrono::milliseconds outcome_delay{50};
  /// New ids are above this one.
  std::uint64_t ids_after = 0;
};

/// Opens the journal in a folder, or begins one; `now` is Unix time in milliseconds. Damage never
/// keeps it from opening (see Spool::findings), nor does a full disk: mail that is queued can then
/// still be read. The spool's destructor writes what is queued and waits for the disk. Errors:
/// Fault::io when the folder cannot be listed or its last segment not synced; Fault::unsupported
/// when a newer format wrote it.
Result<std::unique_ptr<Spool>> open_journal(std::unique_ptr<Disk> disk,
                                            const JournalOptions& options, std::int64_t now);

}  // namespace postroad::spool
