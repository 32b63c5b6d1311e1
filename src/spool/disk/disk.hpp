// The interface between the journal and the disk: few calls, so that a test disk can lose unsynced
// bytes, tear a write or fail the Nth call. posix_disk.hpp opens all names relative to the folder's
// descriptor with O_NOFOLLOW|O_CLOEXEC, folder mode 0700, file mode 0600.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/result.hpp>

namespace postroad::spool {

/// One open file. Errors: Fault::full for ENOSPC and EDQUOT, otherwise Fault::io.
class File {
 public:
  virtual ~File() = default;
  /// Writes all parts one after the other from `offset`. It continues after a short write.
  virtual Result<void> write(std::span<const std::string_view> parts, std::uint64_t offset) = 0;
  /// Reads up to `into.size()` bytes; 0 at the end of the file.
  virtual Result<std::size_t> read(std::span<char> into, std::uint64_t offset) const = 0;
  /// fdatasync. After an error nothing written since the last successful sync may be trusted, and
  /// the call must not be repeated on this file.
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
};

/// One folder.
class Disk {
 public:
  virtual ~Disk() = default;
  /// Creates a file. Error: it exists.
  virtual Result<std::unique_ptr<File>> create(const std::string& name) = 0;
  virtual Result<std::unique_ptr<File>> open(const std::string& name) = 0;
  virtual Result<void> remove(const std::string& name) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> list() const = 0;
  /// Makes created, renamed and removed names durable.
  virtual Result<void> sync_folder() = 0;
  /// Bytes that can still be written before the disk is full. From any thread.
  [[nodiscard]] virtual Result<std::uint64_t> available() const = 0;
};

}  // namespace postroad::spool
