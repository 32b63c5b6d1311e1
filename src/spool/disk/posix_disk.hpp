// The journal's folder in the file system. Linux only (openat, pwritev, flock); its users see
// disk.hpp. It does not know the contents of the files.
#pragma once

#include <memory>
#include <string>

#include "spool/disk/disk.hpp"

namespace postroad::spool {

/// Opens the folder and locks it against other processes until it is destroyed. A missing folder is
/// created with mode 0700, its parents with 0755. Usable from any thread. Errors: Fault::busy,
/// another process holds it (the text names its pid if the lock file has it); Fault::input, the
/// folder is a symbolic link, belongs to another user, or is accessible to group or others;
/// Fault::io, Fault::full.
Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& folder);

}  // namespace postroad::spool
