// The carrier to mailboxes here: Maildirs below one folder. Disk calls wait, so it has threads of
// its own; messages that come together share one sync of a mailbox's folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "queue/carrier.hpp"
#include "relay/local/maildir.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

/// The site of all mailboxes here.
constexpr auto mailboxes_site = "mailboxes";

class MailboxCarrier final : public queue::Carrier {
 public:
  /// Spool and Maildirs outlive it. `host`: this server's name, in file names.
  MailboxCarrier(spool::Spool& spool, const Maildirs& maildirs, std::string host, unsigned threads);
  ~MailboxCarrier() override;
  [[nodiscard]] std::size_t limit() const override { return 256; }
  void carry(const queue::Part& part, Done done) override;
  void begin_stop() override;
  void stop(std::chrono::steady_clock::time_point until) override;
  /// The last failure of the disk as a whole was that it is full or read-only: it is over when
  /// Maildirs::has_room() says so.
  [[nodiscard]] bool lacked_room() const { return lacked_room_; }

 private:
  // The copy of a message for one mailbox, and the recipients whose mailbox it is.
  struct Copy {
    std::vector<std::size_t> recipients;
    std::optional<Error> error{};
  };
  struct Call {
    const queue::Part* part;
    Done done;
    queue::Attempt attempt;
    std::map<std::string, Copy> copies;  // by mailbox folder
  };
  void run();
  std::vector<Call> take();
  void deliver_or_defer(std::vector<Call>& batch);
  void deliver(std::vector<Call>& batch);
  void write_copies(Call& call);
  [[nodiscard]] Result<void> write(const queue::Part& part, const std::string& folder,
                                   std::size_t recipient);
  [[nodiscard]] std::string file_name(const queue::Part& part) const;
  void defer(queue::Attempt& attempt, std::size_t recipient, const Error& error);

  spool::Spool& spool_;
  const Maildirs& maildirs_;
  const std::string host_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::deque<Call> waiting_;
  bool stopping_ = false;
  std::atomic<bool> lacked_room_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace postroad::relay
