// From a session into the spool: the server's MessageSink over the spool's Incoming. It prepends
// the Received field and, at submission, Date and Message-ID if they are missing. Aliases are
// expanded here, so that each final recipient is in the envelope once, with an outcome of its own.
#pragma once

#include <memory>
#include <mutex>

#include "relay/local/directory.hpp"
#include "server/store.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

class Intake final : public server::Store {
 public:
  Intake(spool::Spool& spool, std::shared_ptr<const Directory> directory)
      : spool_(spool), directory_(std::move(directory)) {}
  /// Replaces the directory, from the next message on. Any thread.
  void change(std::shared_ptr<const Directory> directory);
  Opened open(const server::SessionInfo& info, const smtp::Transaction& transaction) override;
  Reply room(std::uint64_t bytes) override;

 private:
  std::shared_ptr<const Directory> directory();

  spool::Spool& spool_;
  std::mutex mutex_;
  std::shared_ptr<const Directory> directory_;
};

}  // namespace postroad::relay
