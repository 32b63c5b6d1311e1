// The spool in memory, for tests and for a catcher whose messages need not survive a restart: the
// contract of spool.hpp without a disk. Callbacks run before the call returns, on the caller's
// thread.
#pragma once

#include <memory>

#include "spool/spool.hpp"

namespace postroad::spool {

/// Ids begin after `last_id`. It is never full: the caller bounds what it stores.
std::unique_ptr<Spool> make_memory_spool(std::uint64_t last_id = 0);

}  // namespace postroad::spool
