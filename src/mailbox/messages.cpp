// The walk through the Maildirs; see messages.hpp.
#include "mailbox/messages.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <postroad/mail_part.hpp>
#include <system_error>
#include <tuple>

#include "base/descriptor.hpp"
#include "base/text.hpp"

namespace postroad::mailbox {

namespace fs = std::filesystem;

namespace {

// `<seconds>.Q<queue id>.<host>[:2,flags]`, the file names of relay/delivery.cpp.
void add(const fs::directory_entry& entry, const std::string& mailbox,
         std::vector<StoredMessage>& messages) {
  const auto name = entry.path().filename().string();
  const auto first = name.find('.');
  const auto second = first == std::string::npos ? first : name.find('.', first + 1);
  if (second == std::string::npos || name[first + 1] != 'Q') return;
  messages.push_back({.id = name.substr(first + 2, second - first - 2),
                      .mailbox = mailbox,
                      .time = std::strtoll(name.c_str(), nullptr, 10),
                      .path = entry.path()});
}

// Calls `each` for the entries of a folder. Its steps report their errors, and do not throw.
template <class Each>
void visit(const fs::path& folder, std::error_code& error, const Each& each) {
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error))
    each(*at);
}

// Every message of the wanted mailboxes, its file not read yet.
Result<std::vector<StoredMessage>> walk(const fs::path& data, const std::string& wanted) {
  const auto root = data / "mail";
  std::error_code error;
  std::vector<StoredMessage> messages;
  std::vector<fs::path> boxes;
  visit(root, error, [&](const fs::directory_entry& box) { boxes.push_back(box.path()); });
  if (error)
    return fail(error == std::errc::no_such_file_or_directory ? Fault::not_found : Fault::io,
                root.string(), "no mailboxes here: " + error.message());
  for (const auto& box : boxes) {
    const auto name = box.filename().string();
    if (!wanted.empty() && !iequals(name, wanted)) continue;
    for (const char* part : {"new", "cur"}) {
      visit(box / part, error,
            [&](const fs::directory_entry& entry) { add(entry, name, messages); });
      const bool is_none = error == std::errc::no_such_file_or_directory ||
                           error == std::errc::not_a_directory;  // a file beside the mailboxes
      if (error && !is_none)
        return fail(Fault::io, (box / part).string(), "cannot be read: " + error.message());
    }
  }
  std::sort(messages.begin(), messages.end(), [](const auto& a, const auto& b) {
    return std::tie(a.time, a.id, a.mailbox) < std::tie(b.time, b.id, b.mailbox);
  });
  return messages;
}

}  // namespace

Result<std::vector<StoredMessage>> list_messages(const fs::path& data, const Filter& filter) {
  auto all = walk(data, filter.mailbox);
  if (!all) return all.error();
  std::vector<StoredMessage> found;
  for (auto& message : *all) {
    const auto bytes = read_message(message.path);
    if (!bytes && bytes.error().fault == Fault::not_found) continue;  // moved in between
    if (!bytes) return bytes.error();
    const auto part = MailPart::parse(*bytes);
    message.subject = part.header("Subject");
    if (message.subject.find(filter.subject) == std::string::npos) continue;
    message.from = part.header("From");
    message.to = part.header("To");
    message.size = bytes->size();
    found.push_back(std::move(message));
  }
  return found;
}

Result<std::optional<StoredMessage>> find_message(const fs::path& data, const Filter& filter,
                                                  std::string_view id) {
  auto messages = list_messages(data, filter);
  if (!messages) return messages.error();
  const auto found = std::find_if(messages->rbegin(), messages->rend(), [&](const auto& one) {
    return id == "last" || iequals(one.id, id);
  });
  if (found == messages->rend()) return std::optional<StoredMessage>();
  return std::optional(std::move(*found));
}

Result<std::string> read_message(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string bytes;
  if (file && read_to_end(file.get(), bytes)) return bytes;
  const std::error_code why(errno, std::generic_category());
  return fail(why == std::errc::no_such_file_or_directory ? Fault::not_found : Fault::io,
              path.string(), "cannot be read: " + why.message());
}

}  // namespace postroad::mailbox
