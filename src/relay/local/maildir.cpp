// Maildir writing; see maildir.hpp.
#include "relay/local/maildir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/descriptor.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t most_ready = 10'000;    // mailboxes that are remembered
constexpr std::uint64_t least_room = 65'536;  // bytes that a disk with room has

Error io_error(const std::string& path, const std::string& doing) {
  const int code = errno;
  // EDQUOT concerns one mailbox; the disk is not full.
  const auto fault = code == ENOSPC ? Fault::full : Fault::io;
  return fail(fault, path, doing + ": " + std::strerror(code));
}

Result<void> sync_path(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return io_error(path, "cannot sync the folder");
  return {};
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return io_error(
      path,
      "cannot create the folder (choose another place with server.data, or ask its owner "
      "for the right to write there)");
}

Result<void> write_part(const Descriptor& file, std::string_view bytes, const std::string& path) {
  if (write_all(file.get(), bytes)) return {};
  return io_error(path, "cannot write the message");
}

}  // namespace

Result<Maildirs> Maildirs::open(std::string root) {
  const auto made = make_folder(root);
  if (!made) return made.error();
  if (::access(root.c_str(), R_OK | W_OK | X_OK) != 0)
    return io_error(root, "the mail folder cannot be written");
  // Its own name and that of its folder: a crash may follow the first start. A user who may not
  // read the folder above did not make it.
  const auto above = std::filesystem::absolute(root).parent_path();
  if (const auto synced = sync_path(above.string()); !synced) return synced.error();
  const auto upper = above.parent_path().string();
  if (::access(upper.c_str(), R_OK) == 0) {
    if (const auto synced = sync_path(upper); !synced) return synced.error();
  }
  return Maildirs(std::move(root));
}

// A folder counts as durable only after this process has synced its name: the process that made it
// may have died before.
Result<void> Maildirs::make_folders(const std::string& folder) const {
  {
    const std::lock_guard lock(ready_->mutex);
    if (ready_->folders.contains(folder)) return {};
  }
  const auto base = root_ + '/' + folder;
  auto done = make_folder(base);
  for (const char* part : {"/tmp", "/new", "/cur"}) {
    if (done) done = make_folder(base + part);
  }
  if (done) done = sync_path(base);
  if (done) done = sync_path(root_);
  if (!done) return done;
  const std::lock_guard lock(ready_->mutex);
  if (ready_->folders.size() >= most_ready) ready_->folders.clear();
  ready_->folders.insert(folder);
  return {};
}

Result<Descriptor> Maildirs::open_draft(const std::string& folder, const std::string& draft) const {
  for (const bool again : {false, true}) {
    const auto folders = make_folders(folder);
    if (!folders) return folders.error();
    Descriptor file(
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file) return file;
    if (errno != ENOENT || again) break;
    // The mailbox was removed while the server ran.
    const std::lock_guard lock(ready_->mutex);
    ready_->folders.erase(folder);
  }
  return io_error(draft, "cannot create the file");
}

Result<void> Maildirs::write(const std::string& folder, const std::string& name,
                             std::string_view head, spool::Reader& message) const {
  const auto draft = root_ + '/' + folder + "/tmp/" + name;
  const auto file = open_draft(folder, draft);
  if (!file) return file.error();
  const auto give_up = [&](Error error) {
    ::unlink(draft.c_str());
    return error;
  };
  auto written = write_part(*file, head, draft);
  while (written) {
    const auto chunk = message.next();
    if (!chunk) return give_up(chunk.error());
    if (chunk->empty()) break;
    written = write_part(*file, *chunk, draft);
  }
  if (!written) return give_up(written.error());
  if (::fdatasync(file->get()) != 0) return give_up(io_error(draft, "cannot sync the message"));
  return {};
}

Result<void> Maildirs::publish(const std::string& folder, const std::string& name) const {
  const auto draft = root_ + '/' + folder + "/tmp/" + name;
  const auto target = root_ + '/' + folder + "/new/" + name;
  if (::rename(draft.c_str(), target.c_str()) == 0) return {};
  auto error = io_error(target, "cannot move the message into new");
  ::unlink(draft.c_str());
  return error;
}

Result<void> Maildirs::try_write() const {
  const Descriptor file(::open(root_.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  if (!file) {
    if (errno == EDQUOT || errno == EOPNOTSUPP) return {};
    return io_error(root_, "cannot create a file");
  }
  const char byte = 0;
  if ((::write(file.get(), &byte, 1) != 1 || ::fdatasync(file.get()) != 0) && errno != EDQUOT)
    return io_error(root_, "cannot write a file");
  return {};
}

Result<void> Maildirs::has_room() const {
  struct statvfs disk {};
  if (::statvfs(root_.c_str(), &disk) != 0) return {};
  if ((disk.f_flag & ST_RDONLY) != 0) return fail(Fault::io, root_, std::strerror(EROFS));
  const auto left = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  const bool lacks_names = disk.f_files > 0 && disk.f_favail == 0;
  if (left < least_room || lacks_names) return fail(Fault::full, root_, std::strerror(ENOSPC));
  return {};
}

Result<void> Maildirs::sync_folder(const std::string& folder) const {
  return sync_path(root_ + '/' + folder + "/new");
}

}  // namespace postroad::relay
