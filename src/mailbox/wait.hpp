// Waiting for messages to arrive, with inotify: a message is seen when it is delivered.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "mailbox/messages.hpp"

namespace postroad::mailbox {

struct Waited {
  std::vector<StoredMessage> messages{};  ///< those that match now
  bool is_complete = false;               ///< false: the time was over before there were enough
  std::string absent_folder{};            ///< the folder that does not exist; empty: it exists
};

/// Waits until at least `count` messages match. The folder of the mailboxes and the mailboxes may
/// be made while it waits. Blocks the thread. Error: Fault::io when a folder cannot be watched, or
/// a mailbox cannot be read.
Result<Waited> wait_for_messages(const std::filesystem::path& data, const Filter& filter,
                                 std::size_t count, std::chrono::milliseconds timeout);

}  // namespace postroad::mailbox
