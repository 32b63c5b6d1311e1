// The real folder behind the journal. Linux only (openat, pwritev, flock); everything above it sees
// disk.hpp. It does not know what the files hold.
#pragma once

#include <memory>
#include <string>

#include "spool/disk/disk.hpp"

namespace postroad::spool {

/// Opens the folder, which is made with mode 0700 where it is missing (its parents are made 0755),
/// and holds it against other processes until destroyed. Its calls may come from any thread.
/// Errors: Fault::busy, another process holds it (the sentence names the pid where the lock file
/// says it); Fault::input, the folder is a symbolic link, another user's, or open to group or
/// others; Fault::io, Fault::full.
Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& folder);

}  // namespace postroad::spool
