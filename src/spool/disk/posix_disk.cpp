// The folder in the file system; see posix_disk.hpp. A name cannot lead out of the folder: it has
// no slash, and symbolic links are not followed.
#include "spool/disk/posix_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/descriptor.hpp"

namespace postroad::spool {

namespace {

constexpr int open_flags = O_NOFOLLOW | O_CLOEXEC;
constexpr std::size_t parts_per_call = 1024;  // IOV_MAX on Linux
constexpr const char* lock_name = "lock";

Error refused(int number, std::string where, std::string_view what) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return fail(full ? Fault::full : Fault::io, std::move(where),
              fmt::format("{}: {}{}", what, std::generic_category().message(number),
                          full ? "; free space on the disk" : ""));
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<void> write(std::span<const std::string_view> parts, std::uint64_t offset) override {
    std::array<iovec, parts_per_call> vector;
    while (!parts.empty()) {
      const auto count = std::min(parts.size(), vector.size());
      for (std::size_t i = 0; i < count; ++i) {
        vector[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
      }
      if (auto written = write_all({vector.data(), count}, offset); !written) return written;
      parts = parts.subspan(count);
    }
    return {};
  }

  Result<std::size_t> read(std::span<char> into, std::uint64_t offset) const override {
    std::size_t have = 0;
    while (have < into.size()) {
      const auto got = ::pread(descriptor_.get(), into.data() + have, into.size() - have,
                               static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return refused(errno, path_, "cannot be read");
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    return have;
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_.get()) == 0) return {};
    return refused(errno, path_, "cannot be synced");
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) == 0) return {};
    return refused(errno, path_, "cannot be truncated");
  }

  [[nodiscard]] Result<std::uint64_t> size() const override {
    struct stat facts {};
    if (::fstat(descriptor_.get(), &facts) == 0) return static_cast<std::uint64_t>(facts.st_size);
    return refused(errno, path_, "cannot be measured");
  }

 private:
  Result<void> write_all(std::span<iovec> parts, std::uint64_t& offset) {
    while (!parts.empty()) {
      const auto got = ::pwritev(descriptor_.get(), parts.data(), static_cast<int>(parts.size()),
                                 static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return refused(errno, path_, "cannot be written");
      offset += static_cast<std::uint64_t>(got);
      parts = after(parts, static_cast<std::size_t>(got));
    }
    return {};
  }

  static std::span<iovec> after(std::span<iovec> parts, std::size_t written) {
    while (!parts.empty() && written >= parts.front().iov_len) {
      written -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (!parts.empty()) {
      parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + written;
      parts.front().iov_len -= written;
    }
    return parts;
  }

  Descriptor descriptor_;
  std::string path_;
};

class PosixDisk final : public Disk {
 public:
  PosixDisk(Descriptor folder, Descriptor lock, std::string path)
      : folder_(std::move(folder)), lock_(std::move(lock)), path_(std::move(path)) {}

  Result<std::unique_ptr<File>> create(const std::string& name) override {
    return open_file(name, O_RDWR | O_CREAT | O_EXCL, "cannot be created");
  }

  Result<std::unique_ptr<File>> open(const std::string& name) override {
    return open_file(name, O_RDWR, "cannot be opened");
  }

  Result<void> remove(const std::string& name) override {
    if (auto good = check(name); !good) return good;
    if (::unlinkat(folder_.get(), name.c_str(), 0) == 0) return {};
    return refused(errno, path_ + '/' + name, "cannot be removed");
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (auto good = check(from); !good) return good;
    if (auto good = check(to); !good) return good;
    if (::renameat(folder_.get(), from.c_str(), folder_.get(), to.c_str()) == 0) return {};
    return refused(errno, path_ + '/' + from, "cannot be renamed");
  }

  [[nodiscard]] Result<std::vector<std::string>> list() const override {
    // A separate descriptor: reading a folder moves the position that duplicates share.
    const int own = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | open_flags);
    DIR* stream = own < 0 ? nullptr : ::fdopendir(own);
    if (stream == nullptr) return refused(errno, path_, "cannot be listed");
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && name != lock_name) names.push_back(name);
    }
    const int number = errno;
    ::closedir(stream);
    if (number != 0) return refused(number, path_, "cannot be listed");
    return names;
  }

  Result<void> sync_folder() override {
    if (::fsync(folder_.get()) == 0) return {};
    return refused(errno, path_, "its directory entries cannot be synced");
  }

  [[nodiscard]] Result<std::uint64_t> available() const override {
    struct statvfs facts {};
    if (::fstatvfs(folder_.get(), &facts) != 0) return refused(errno, path_, "cannot be measured");
    return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
  }

 private:
  [[nodiscard]] Result<void> check(const std::string& name) const {
    if (!name.empty() && name.find('/') == std::string::npos && name != "." && name != "..")
      return {};
    return fail(Fault::input, path_, "'" + name + "' is not the name of a file in it");
  }

  Result<std::unique_ptr<File>> open_file(const std::string& name, int flags,
                                          std::string_view what) {
    if (auto good = check(name); !good) return good.error();
    Descriptor file(::openat(folder_.get(), name.c_str(), flags | open_flags, 0600));
    if (!file) return refused(errno, path_ + '/' + name, what);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(file), path_ + '/' + name));
  }

  Descriptor folder_;
  Descriptor lock_;
  std::string path_;
};

Result<void> make_folder(const std::string& path) {
  std::error_code failure;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, failure);
  if (failure) return refused(failure.value(), parent.string(), "cannot be created");
  const bool is_made = ::mkdir(path.c_str(), 0700) == 0;
  if (!is_made && errno != EEXIST) return refused(errno, path, "cannot be created");
  // The directory entry of the folder must survive a crash too. A process that created it earlier
  // may have died before it synced the entry.
  const Descriptor above(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (above && ::fsync(above.get()) == 0) return {};
  if (!above && !is_made && errno == EACCES) return {};  // created by a user who may write there
  return refused(errno, path, "its directory entry cannot be synced");
}

Result<void> check_folder(const Descriptor& folder, const std::string& path) {
  struct stat facts {};
  if (::fstat(folder.get(), &facts) != 0) return refused(errno, path, "cannot be examined");
  if (facts.st_uid != ::geteuid()) {
    return fail(
        Fault::input, path,
        fmt::format(
            "belongs to user {}, but this process runs as user {}: chown it, or use another "
            "folder",
            facts.st_uid, ::geteuid()));
  }
  if ((facts.st_mode & 0077) != 0) {
    return fail(
        Fault::input, path,
        fmt::format("has mode {:04o}, which gives other users access to messages: chmod 0700 it",
                    facts.st_mode & 07777));
  }
  return {};
}

Error held(const Descriptor& lock, const std::string& path) {
  std::array<char, 24> text{};
  const auto got = ::pread(lock.get(), text.data(), text.size() - 1, 0);
  std::string pid(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  pid.erase(std::find_if(pid.begin(), pid.end(), [](char c) { return c < '0' || c > '9'; }),
            pid.end());
  return fail(
      Fault::busy, path,
      fmt::format(
          "is held by another process{}: a spool has one server; stop that server, or use another "
          "folder",
          pid.empty() ? "" : " (pid " + pid + ")"));
}

Result<Descriptor> take_lock(const Descriptor& folder, const std::string& path) {
  Descriptor lock(::openat(folder.get(), lock_name, O_RDWR | O_CREAT | open_flags, 0600));
  if (!lock) return refused(errno, path + '/' + lock_name, "cannot be opened");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return held(lock, path);
    return refused(errno, path + '/' + lock_name, "cannot be locked");
  }
  // The pid is only for error messages: a full disk must not prevent the queue from being opened.
  const auto pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.get(), 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(lock.get(), pid.data(), pid.size(), 0);
  }
  return lock;
}

}  // namespace

Result<std::unique_ptr<Disk>> open_posix_disk(const std::string& path) {
  if (auto made = make_folder(path); !made) return made.error();
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | open_flags));
  if (!folder && (errno == ELOOP || errno == ENOTDIR)) {
    return fail(Fault::input, path,
                "is not a folder (symbolic links are not followed): use the folder's own path");
  }
  if (!folder) return refused(errno, path, "cannot be opened");
  if (auto good = check_folder(folder, path); !good) return good.error();
  auto lock = take_lock(folder, path);
  if (!lock) return lock.error();
  return std::unique_ptr<Disk>(
      std::make_unique<PosixDisk>(std::move(folder), std::move(*lock), path));
}

}  // namespace postroad::spool
