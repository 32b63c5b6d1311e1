// The walk through the Maildirs; see mailboxes.hpp.
#include "mailbox/mailboxes.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace postroad::mailbox {

namespace fs = std::filesystem;

namespace {

// `<seconds>.Q<queue id>.<host>[:2,flags]`, the file names of relay/delivery.cpp.
void add(const fs::directory_entry& entry, const std::string& mailbox,
         std::vector<StoredMail>& mails) {
  const auto name = entry.path().filename().string();
  const auto first = name.find('.');
  const auto second = first == std::string::npos ? first : name.find('.', first + 1);
  if (second == std::string::npos || name[first + 1] != 'Q') return;
  mails.push_back({name.substr(first + 2, second - first - 2), mailbox,
                   std::strtoll(name.c_str(), nullptr, 10), entry.path()});
}

// Calls `each` for the entries of a folder. Its steps report their errors, and do not throw.
template <class Each>
void visit(const fs::path& folder, std::error_code& error, const Each& each) {
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error))
    each(*at);
}

}  // namespace

Result<std::vector<StoredMail>> list_mail(const fs::path& data) {
  const auto root = data / "mail";
  std::error_code error;
  std::vector<StoredMail> mails;
  std::vector<fs::path> boxes;
  visit(root, error, [&](const fs::directory_entry& box) { boxes.push_back(box.path()); });
  if (error)
    return fail(error == std::errc::no_such_file_or_directory ? Fault::not_found : Fault::io,
                root.string(),
                "no mailboxes here: " + error.message() + "; --data is the server's data folder");
  for (const auto& box : boxes) {
    for (const char* part : {"new", "cur"}) {
      visit(box / part, error,
            [&](const fs::directory_entry& entry) { add(entry, box.filename().string(), mails); });
      const bool is_none = error == std::errc::no_such_file_or_directory ||
                           error == std::errc::not_a_directory;  // a file beside the mailboxes
      if (error && !is_none)
        return fail(Fault::io, (box / part).string(), "cannot be read: " + error.message());
    }
  }
  std::sort(mails.begin(), mails.end(), [](const auto& a, const auto& b) {
    return std::tie(a.time, a.id, a.mailbox) < std::tie(b.time, b.id, b.mailbox);
  });
  return mails;
}

}  // namespace postroad::mailbox
