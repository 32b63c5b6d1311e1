// The spool in memory, for tests and for a catcher that may forget: the same contract as the
// journal (spool.hpp), nothing on disk. Callbacks come before the call returns, on the caller's
// thread.
#pragma once

#include <memory>

#include "spool/spool.hpp"

namespace postroad::spool {

/// Ids begin after `last_id`. Never full: bound what you put in.
std::unique_ptr<Spool> make_memory_spool(std::uint64_t last_id = 0);

}  // namespace postroad::spool
