// See wait.hpp.
#include "mailbox/wait.hpp"

#include <poll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"

namespace postroad::mailbox {

namespace fs = std::filesystem;

namespace {

// The data folder, or the folder of the mailboxes in it: the outer one that does not exist.
std::string absent_folder(const fs::path& data) {
  std::error_code ignored;
  return (fs::exists(data, ignored) ? data / "mail" : data).string();
}

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds longest_poll{60'000};

// Sees files that are made in the folders of the mailboxes, or moved there.
class Watch final {
 public:
  explicit Watch(fs::path data) : data_(std::move(data)) {}
  /// Watches every folder that there is now. A folder that is watched already stays so.
  Result<void> look();
  /// Until something happens, or the time is over.
  Result<void> wait(std::chrono::milliseconds time);

 private:
  [[nodiscard]] Error failed() const {
    return fail(Fault::io, data_.string(),
                "the folder cannot be watched: " + std::generic_category().message(errno));
  }

  fs::path data_;
  Descriptor events_{::inotify_init1(IN_CLOEXEC)};
};

Result<void> Watch::look() {
  if (!events_) return failed();
  // A missing folder is watched once the folder above it has told of it.
  const auto add = [&](const fs::path& folder) {
    (void)::inotify_add_watch(events_.get(), folder.c_str(), IN_CREATE | IN_MOVED_TO);
  };
  const auto root = data_ / "mail";
  add(data_);
  add(root);
  std::error_code ignored;
  for (fs::directory_iterator box(root, ignored), end; !ignored && box != end;
       box.increment(ignored)) {
    add(box->path());
    add(box->path() / "new");
  }
  return {};
}

Result<void> Watch::wait(std::chrono::milliseconds time) {
  pollfd one{events_.get(), POLLIN, 0};
  const auto count = ::poll(&one, 1, static_cast<int>(std::min(time, longest_poll).count()));
  if (count < 0 && errno != EINTR) return failed();
  if (count <= 0) return {};
  std::array<char, 4096> events;
  if (::read(one.fd, events.data(), events.size()) < 0 && errno != EINTR) return failed();
  return {};
}

}  // namespace

Result<Waited> wait_for_messages(const fs::path& data, const Filter& filter, std::size_t count,
                                 std::chrono::milliseconds timeout) {
  const auto until = Clock::now() + timeout;
  Watch watch(data);
  for (;;) {
    // The watches come first, so that nothing is missed between them and the look.
    if (const auto watched = watch.look(); !watched) return watched.error();
    auto messages = list_messages(data, filter);
    const bool is_absent = !messages && messages.error().fault == Fault::not_found;
    if (!messages && !is_absent) return messages.error();  // waiting does not change that
    const bool is_complete = messages && messages->size() >= count;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if ((is_complete || left.count() <= 0) && messages)
      return Waited{std::move(*messages), is_complete, {}};
    if (left.count() <= 0) return Waited{{}, false, absent_folder(data)};
    if (const auto waited = watch.wait(left); !waited) return waited.error();
  }
}

}  // namespace postroad::mailbox
