// What a server gives up once its ports are bound: root, and what the kernel lets a process give up
// of its own. Both hold for threads that are made afterwards: call before any is. Linux only.
#pragma once

#include <filesystem>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::daemon {

/// Gives the folder to `user` where it was just made, and becomes that user with its groups.
/// Nothing when the process is that user already. Error: Fault::input (there is no such user),
/// Fault::io (only root may become another).
Result<void> become(const std::string& user, const std::filesystem::path& data);

/// No new privileges, no program is run but from `runnable`, nothing is written outside `writable`
/// (NoNewPrivileges and Landlock; what is run inherits both). Gives what the kernel could not do,
/// in words; empty: all of it.
Result<std::string> confine(const std::vector<std::filesystem::path>& writable,
                            const std::vector<std::filesystem::path>& runnable);

}  // namespace postroad::daemon
