// Delivered messages: the Maildirs below the data folder of a server. Reads only. Not here: waiting
// for messages (wait.hpp), JSON (json.hpp), printing (cli).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::mailbox {

struct StoredMessage {
  std::string id{};       ///< queue id
  std::string mailbox{};  ///< the name of the folder: the address, if it can be a file name
  std::int64_t time = 0;  ///< Unix seconds
  std::filesystem::path path{};
  std::string from{}, to{}, subject{};  ///< the fields, decoded; empty where there is none
  std::size_t size = 0;                 ///< bytes
};

/// Which messages; an empty member matches all.
struct Filter {
  std::string mailbox{};  ///< in any case
  std::string subject{};  ///< a part of the subject
};

/// All messages below `<data>/mail` that match, oldest first. A message that another reader moves
/// at the same time may be left out. Error: Fault::not_found when the folder does not exist;
/// Fault::io when it, a mailbox or a message cannot be read.
Result<std::vector<StoredMessage>> list_messages(const std::filesystem::path& data,
                                                 const Filter& filter = {});

/// The newest of the messages that has that id, in any case, or the newest of all for `last`;
/// nullopt: there is none. Error: as list_messages.
Result<std::optional<StoredMessage>> find_message(const std::filesystem::path& data,
                                                  const Filter& filter, std::string_view id);

/// The bytes as stored. Error: Fault::not_found when the file is gone; Fault::io.
Result<std::string> read_message(const std::filesystem::path& path);

}  // namespace postroad::mailbox
