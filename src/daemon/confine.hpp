// Dropping privileges once the ports are bound: root, and rights that the kernel can revoke. Both
// apply to threads that are started afterwards: call before the first. Linux only.
#pragma once

#include <filesystem>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::daemon {

/// Gives an empty folder to `user`, and becomes that user with its groups. Does nothing when the
/// process is that user already. Error: Fault::input (no such user), Fault::io (only root can
/// become another user).
Result<void> become(const std::string& user, const std::filesystem::path& data);

/// From now on: no new privileges, programs only from `runnable`, writing only in `writable`
/// (NoNewPrivileges and Landlock; children inherit both). Returns a sentence about what the kernel
/// does not support; empty: everything is supported.
Result<std::string> confine(const std::vector<std::filesystem::path>& writable,
                            const std::vector<std::filesystem::path>& runnable);

}  // namespace postroad::daemon
