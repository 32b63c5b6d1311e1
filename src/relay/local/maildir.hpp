// Delivery into Maildir: written in tmp, synced, renamed into new, the folder synced. The name of
// the file follows from the queue id, so that a delivery done again after a crash replaces itself.
#pragma once

#include <memory>
#include <mutex>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/descriptor.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

/// Mailboxes under one folder. Thread rule: any thread; two deliveries of the same message to the
/// same mailbox must not overlap.
class Maildirs final {
 public:
  /// `root` is made if it is missing, mode 0700. Error: Fault::io with path and reason.
  static Result<Maildirs> open(std::string root);

  /// Writes `head` and the chunks of `message`, up to an empty one, to `<folder>/tmp/<name>`,
  /// synced. After an error nothing is left there.
  Result<void> write(const std::string& folder, const std::string& name, std::string_view head,
                     spool::Reader& message) const;
  /// Moves a written message to `<folder>/new/<name>`: it is delivered. The new name is durable
  /// after `sync_folder(folder)`: one call may serve many messages.
  Result<void> publish(const std::string& folder, const std::string& name) const;
  Result<void> sync_folder(const std::string& folder) const;
  /// Whether a file can be written in the folder of all mailboxes. Writes one without a name. A
  /// quota that is reached is not an error: it may be that of one mailbox. Error: Fault::full,
  /// Fault::io.
  [[nodiscard]] Result<void> try_write() const;
  /// Whether the disk has room and is not mounted read-only. Writes nothing. Error: Fault::full,
  /// Fault::io.
  [[nodiscard]] Result<void> has_room() const;

 private:
  // Mailboxes whose folders are known to be durable, so that a delivery need not check.
  struct Ready {
    std::mutex mutex;
    std::unordered_set<std::string> folders;
  };
  explicit Maildirs(std::string root) : root_(std::move(root)) {}
  [[nodiscard]] Result<void> make_folders(const std::string& folder) const;
  [[nodiscard]] Result<Descriptor> open_draft(const std::string& folder,
                                              const std::string& draft) const;
  std::string root_;
  std::unique_ptr<Ready> ready_ = std::make_unique<Ready>();
};

}  // namespace postroad::relay
