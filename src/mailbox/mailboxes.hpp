// Delivered messages: the Maildirs below the data folder. Reads only.
#pragma once

#include <filesystem>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::mailbox {

struct StoredMail {
  std::string id;         ///< queue id
  std::string mailbox;    ///< the name of the folder: the address, if it can be a file name
  std::int64_t time = 0;  ///< Unix seconds
  std::filesystem::path path;
};

/// All messages below `<data>/mail`, oldest first. Error: Fault::not_found when the folder does not
/// exist; Fault::io when it or a mailbox cannot be read.
Result<std::vector<StoredMail>> list_mail(const std::filesystem::path& data);

}  // namespace postroad::mailbox
