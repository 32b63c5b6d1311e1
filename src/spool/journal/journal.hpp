// The spool on disk: an append-only journal in segments, with one writer thread and one sync for
// everything that is ready. spool.hpp is the contract. docs/formats/journal.md describes the format
// and the effects of a crash. Then read engine.hpp (threads), writer.hpp (the disk) and
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
  /// Size in bytes at which a new segment is begun. Clamped to 8 KiB to 1 GiB.
  std::uint64_t segment_size = 64 << 20;
  /// Bytes of a message that are collected in memory before they go to the writer. Clamped to 64
  /// bytes to 64 MiB.
  std::size_t chunk_size = 64 << 10;
  /// Bytes that may wait for the writer before Incoming::ready is false.
  std::size_t pending_limit = 8 << 20;
  /// Bytes that stay free on the disk: with less, `begin` fails with Fault::full. 0: none.
  std::uint64_t reserve = 0;
  /// Outcomes and removals that no caller waits for are written after at most this delay, or
  /// earlier with another write. A crash loses at most those of this time.
  std::chrono::milliseconds outcome_delay{50};
  /// New ids are above this one.
  std::uint64_t ids_after = 0;
};

/// Opens the journal in a folder, or creates it; `now` is Unix time in milliseconds. It opens
/// despite damage (see Spool::findings) and on a full disk: queued messages can then still be read.
/// The spool's destructor writes what is queued and waits for the disk. Errors: Fault::io if the
/// folder cannot be listed or its last segment cannot be synced; Fault::unsupported if a newer
/// format version wrote it.
Result<std::unique_ptr<Spool>> open_journal(std::unique_ptr<Disk> disk,
                                            const JournalOptions& options, std::int64_t now);

}  // namespace postroad::spool
