// Carries what the spool holds to where it goes: a mailbox here, a smarthost, or nowhere (discard,
// for measuring). A recipient is done when that is durable and recorded; a crash in between
// delivers again, never not at all. A message whose every recipient is delivered leaves the spool;
// one with a refused recipient stays, with the reason, for a person to see.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <postroad/client.hpp>
#include <string>
#include <vector>

#include "observe/log.hpp"
#include "queue/schedule.hpp"
#include "relay/local/directory.hpp"
#include "relay/local/maildir.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

struct DeliverySettings {
  std::string host;       ///< in file names and EHLO
  bool discard = false;   ///< throws every message away: for measuring the way in
  std::string smarthost;  ///< URL for recipients elsewhere; empty: there are none
  ClientOptions smarthost_options;
  std::optional<Login> smarthost_login;
  queue::Schedule schedule;
  unsigned threads = 2;  ///< for mailboxes here; the smarthost has one more
};

class Delivery final {
 public:
  /// All references outlive it. It registers itself with the spool and takes up what is queued
  /// already.
  Delivery(spool::Spool& spool, std::shared_ptr<const Directory> directory,
           const Maildirs& maildirs, observe::Log& log, DeliverySettings settings);
  /// As `stop(0)`, unless it was stopped before.
  ~Delivery();

  /// Others in place of the present ones, from the next batch on; `threads` stays as it was.
  void change(std::shared_ptr<const Directory> directory, DeliverySettings settings);
  /// Messages that came into the spool without being committed here: from another process.
  void take_up(const std::vector<spool::Summary>& messages);
  /// Ends after the messages under way; a smarthost that has not answered within `drain` is hung up
  /// on, and its messages stay in the spool.
  void stop(std::chrono::milliseconds drain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::relay
