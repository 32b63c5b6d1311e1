// The carrier to mailboxes here: Maildirs below one folder. Disk calls wait, so it has threads of
// its own; messages that come together share one sync of a mailbox's folder.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "queue/carrier.hpp"
#include "relay/local/maildir.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

class MailboxCarrier final : public queue::Carrier {
 public:
  /// Spool and Maildirs outlive it. `host`: this server's name, in file names.
  MailboxCarrier(spool::Spool& spool, const Maildirs& maildirs, std::string host, unsigned threads);
  ~MailboxCarrier() override;
  [[nodiscard]] std::size_t limit() const override { return 256; }
  void carry(const queue::Part& part, Done done) override;
  void stop(std::chrono::steady_clock::time_point until) override;

 private:
  struct Call {
    const queue::Part* part;
    Done done;
    queue::Attempt attempt;
    std::vector<std::string> folders;  // per recipient: written there, not synced yet; or empty
  };
  void run();
  std::vector<Call> take();
  void deliver(std::vector<Call>& batch) const;
  void deliver(Call& call, std::size_t recipient) const;

  spool::Spool& spool_;
  const Maildirs& maildirs_;
  const std::string host_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::deque<Call> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace postroad::relay
