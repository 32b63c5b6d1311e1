// The walk through the Maildirs; see mailboxes.hpp.
#include "mailbox/mailboxes.hpp"

#include <algorithm>
#include <cstdlib>

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

}  // namespace

Result<std::vector<StoredMail>> list_mail(const fs::path& data) {
  const auto root = data / "mail";
  std::error_code error;
  std::vector<StoredMail> mails;
  fs::directory_iterator boxes(root, error);
  if (error)
    return fail(Fault::not_found, root.string(),
                "no mailboxes here: " + error.message() + "; --data is the server's data folder");
  for (const auto& box : boxes) {
    for (const char* part : {"new", "cur"}) {
      for (const auto& entry : fs::directory_iterator(box.path() / part, error))
        add(entry, box.path().filename().string(), mails);
    }
  }
  std::sort(mails.begin(), mails.end(), [](const auto& a, const auto& b) {
    return std::tie(a.time, a.id, a.mailbox) < std::tie(b.time, b.id, b.mailbox);
  });
  return mails;
}

}  // namespace postroad::mailbox
