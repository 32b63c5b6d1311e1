// A store that keeps nothing, to measure the intake without a disk. Messages are accepted and lost.
#pragma once

#include "server/store.hpp"

namespace postroad::relay {

class NullStore final : public server::Store {
 public:
  Opened open(const server::SessionInfo& info, const smtp::Transaction& transaction) override;
};

}  // namespace postroad::relay
