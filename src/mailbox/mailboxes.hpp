// Reading what was delivered: the Maildirs below the data folder. Never changes anything there.
#pragma once

#include <filesystem>
#include <postroad/result.hpp>
#include <string>
#include <vector>

namespace postroad::mailbox {

struct StoredMail {
  std::string id;         ///< queue id
  std::string mailbox;    ///< the folder's name, which is the address where that is possible
  std::int64_t time = 0;  ///< Unix seconds
  std::filesystem::path path;
};

/// All mail below `<data>/mail`, oldest first. Error: Fault::not_found when the folder does not
/// exist.
Result<std::vector<StoredMail>> list_mail(const std::filesystem::path& data);

}  // namespace postroad::mailbox
