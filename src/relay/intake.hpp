// From a session into the spool: the server's MessageSink over the spool's Incoming. It writes the
// Received field in front.
#pragma once

#include "server/hooks.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

/// Name of the envelope's option that a message of a catch-all listener carries: whatever the
/// directory says of its recipients, each has a mailbox here.
constexpr std::string_view kept_here = "KEPT-HERE";

class Intake final : public server::Store {
 public:
  explicit Intake(spool::Spool& spool) : spool_(spool) {}
  Opened open(const server::SessionFacts& facts, const smtp::Transaction& transaction) override;

 private:
  spool::Spool& spool_;
};

}  // namespace postroad::relay
