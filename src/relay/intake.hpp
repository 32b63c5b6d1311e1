// From a session into the spool: the server's MessageSink over the spool's Incoming. It writes the
// Received field in front and, at submission, Date and Message-ID where they are missing. Aliases
// are followed here, so that each whom a mail goes to is a recipient of the envelope, once, with an
// outcome of its own.
#pragma once

#include <memory>
#include <mutex>

#include "relay/local/directory.hpp"
#include "server/hooks.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

class Intake final : public server::Store {
 public:
  Intake(spool::Spool& spool, std::shared_ptr<const Directory> directory)
      : spool_(spool), directory_(std::move(directory)) {}
  /// Another in its place, from the next message on. Any thread.
  void change(std::shared_ptr<const Directory> directory);
  Opened open(const server::SessionFacts& facts, const smtp::Transaction& transaction) override;
  Reply room(std::uint64_t octets) override;

 private:
  std::shared_ptr<const Directory> directory();

  spool::Spool& spool_;
  std::mutex mutex_;
  std::shared_ptr<const Directory> directory_;
};

}  // namespace postroad::relay
