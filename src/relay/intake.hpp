// From a session into the spool: the server's MessageSink over the spool's Incoming. It prepends
// the Received field and, at submission, Date and Message-ID if they are missing, and the
// signatures of DKIM for those who log in or submit. Aliases are
// expanded here, so that each final recipient is in the envelope once, with an outcome of its own.
#pragma once

#include <memory>
#include <mutex>

#include "relay/dkim_keys.hpp"
#include "relay/local/directory.hpp"
#include "server/store.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

class Intake final : public server::Store {
 public:
  Intake(spool::Spool& spool, std::shared_ptr<const Directory> directory,
         std::shared_ptr<const DkimKeys> keys = {})
      : spool_(spool), directory_(std::move(directory)), keys_(std::move(keys)) {}
  /// Replaces directory and keys, from the next message on. Any thread.
  void change(std::shared_ptr<const Directory> directory,
              std::shared_ptr<const DkimKeys> keys = {});
  Opened open(const server::SessionInfo& info, const smtp::Transaction& transaction) override;
  Reply room(std::uint64_t bytes) override;

 private:
  std::shared_ptr<const Directory> directory();
  std::shared_ptr<const DkimKeys> keys_for(const server::SessionInfo& info);

  spool::Spool& spool_;
  std::mutex mutex_;
  std::shared_ptr<const Directory> directory_;
  std::shared_ptr<const DkimKeys> keys_;  // null: none
};

}  // namespace postroad::relay
